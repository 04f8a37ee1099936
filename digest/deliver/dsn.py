"""Delivery status notifications (RFC 3464), and what MTAs of other habits write in their place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from itertools import islice

from flufl.bounce import all_failures

from digest.deliver.bounce import Bounce, BounceKind, one_line
from digest.deliver.envelope import is_text, parts, text, value
from digest.deliver.refusal import Blame, Code, judge_refusal, read_code

#: The second is that of internationalised mail (RFC 6533), whose blocks the standard library does not part.
_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_STATUS = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})")
#: `smtp; 550 5.1.1 words`, and the same without a type in front.
_DIAGNOSIS = re.compile(r"(?:[\w-]+\s*;\s*)?(?:([245]\d\d)[ -]+)?(.*)", re.DOTALL)
#: Somewhere in the words of an odd bounce; numbers of four places are addresses of hosts.
_LOOSE_CODE = re.compile(r"(?<![\d.])([45])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
_LOOSE_REPLY = re.compile(r"(?<![\d.])(5[0-5]\d)[ -](?=\S)")
#: Where an odd bounce goes on with the mail that it returns.
_RETURNED = re.compile(
    r"^(?:-{2,}.{0,60}(?:copy|original|returned|below)|return-path:|received:|-{3,}\s*$)",
    re.IGNORECASE | re.MULTILINE,
)
#: Blocks that are read of a report: our mails have one recipient each.
_BLOCKS = 20
#: What flufl.bounce is given: its patterns were not written for lines without end.
_ODD_BYTES, _ODD_LINE, _ODD_WORDS = 256 * 1024, 2_000, 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a notice says: a bounce, or something that is none."""

    bounce: Bounce | None
    delayed: bool = False  #: still tried; else, without a bounce, delivered or relayed


def read_dsn(message: Message) -> Notice | None:
    """What a report says of the one recipient that our mails have; None where it is no report that says anything."""
    reports = (part for part in message.walk() if part.get_content_type() in _STATUS_TYPES)
    blocks = list(islice((block for part in reports for block in _blocks(part)), _BLOCKS))
    told = {_action(block): block for block in reversed(blocks) if _action(block)}
    if (failed := told.get("failed")) is not None:
        return Notice(bounce=_bounce(failed))
    if "delayed" in told:
        return Notice(bounce=None, delayed=True)
    return Notice(bounce=None) if told else None


def read_odd(message: Message, size_bytes: int) -> Notice | None:
    """The same of a mail that is no report, by flufl.bounce, which knows a score of habits."""
    words = "\n".join(text(part) for part in parts(message) if is_text(part))
    if size_bytes > _ODD_BYTES or max(map(len, words.splitlines()), default=0) > _ODD_LINE:
        return None
    if not value(message, "from"):
        message["From"] = (
            "MAILER-DAEMON"  # one of its detectors breaks without, and those behind it are not asked
        )
    try:
        temporary, permanent = all_failures(message)
    except Exception:  # its detectors take a mail's form for granted
        return None
    if permanent:
        return Notice(bounce=_odd_bounce(words))
    return Notice(bounce=None, delayed=True) if temporary else None


def bounce_of(reply_code: int | None, code: Code | None, words: str) -> Bounce:
    """What a final failure that a report tells of means."""
    refusal = judge_refusal(reply_code, code, words, of_recipient=True)
    for_now = (reply_code or 500) < 500 or (code is not None and code.level == 4)
    if refusal.blame is not Blame.RECIPIENT:
        kind = BounceKind.BLOCKED
    else:
        kind = BounceKind.HARD if refusal.dead and not for_now else BounceKind.SOFT
    status = str(code) if code else None
    reply = str(reply_code or "")
    told = [each for each in (reply, status, words.removeprefix(status or "").strip()) if each]
    return Bounce(kind=kind, status=status, detail=one_line(" ".join(told)))


def _blocks(part: Message) -> Iterator[Message]:
    for block in islice(part.walk(), 1, None):  # the part itself comes first
        yield block
        rest = block.get_payload()
        yield from _read_blocks(rest if isinstance(rest, str) else "")


def _read_blocks(written: str) -> Iterator[Message]:
    return (message_from_string(block) for block in written.split("\n\n") if block.strip())


def _action(block: Message) -> str:
    action = value(block, "action").partition(" ")[0].lower()
    if action or "action" in block:
        return action
    # Some leave the action out; a status of class 5 says as much.
    return "failed" if value(block, "status").startswith("5") else ""


def _bounce(block: Message) -> Bounce:
    found = _DIAGNOSIS.fullmatch(value(block, "diagnostic-code"))
    assert found is not None  # it matches anything
    words = found[2]
    said, status = read_code(words), _STATUS.search(value(block, "status"))
    code = Code(*map(int, status.groups())) if status else None
    if code is None or not code.tells:
        code = said or code
    return bounce_of(int(found[1]) if found[1] else None, code, words)


def _odd_bounce(words: str) -> Bounce:
    told = _RETURNED.split(words, maxsplit=1)[0].strip() or words
    told = told[:_ODD_WORDS]
    code, reply = _LOOSE_CODE.search(told), _LOOSE_REPLY.search(told)
    return bounce_of(
        int(reply[1]) if reply else None,
        Code(*map(int, code.groups())) if code else None,
        " ".join(told.split()),
    )

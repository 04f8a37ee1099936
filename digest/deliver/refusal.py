"""What a refusal says: whom it blames, and whether the address is dead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_CODE = r"([245])\.(\d{1,3})\.(\d{1,3})(?!\d|\.\d)"
_AT_THE_HEAD = re.compile(_CODE)  # RFC 2034, section 4
_QMAIL = re.compile(rf"#{_CODE}")  # qmail and its kin close with (#5.1.1)

#: "Authentication required" and its kin (RFC 4954, section 6), which some relays say at RCPT only.
_AUTH = frozenset({530, 534, 535, 538})
#: 5.1.7 and 5.1.8 are about the *sender's* address: Postfix says them at RCPT (`smtpd_delay_reject`).
_SENDER = frozenset({(1, 7), (1, 8)})
#: Policy that one recipient has by itself: RFC 3463 X.7.2, RFC 7293 X.7.17 and X.7.18, Exchange Online's closed groups.
_OWN_POLICY = frozenset({2, 17, 18, 124, 133, 134})
#: What makes an address dead: no such mailbox, no such domain, no address at all, moved away, a domain that says it takes
#: no mail (RFC 7505), a mailbox that was closed. Not 5.1.0, under which servers put what they have no number for.
_DEAD = frozenset({(1, 1), (1, 2), (1, 3), (1, 6), (1, 10), (2, 1)})
#: About this message: too large for the system, or for the mailbox; all of subject 6 as well.
_MESSAGE = frozenset({(2, 3), (3, 4)})
#: The subjects that are about the reader: address and mailbox.
_READERS = frozenset({1, 2})

#: Gmail says 550 5.2.1 of a mailbox that gets mail "at a rate that prevents additional messages", too.
_RATE = re.compile(r"\brate\b|too (?:quickly|many|much)", re.IGNORECASE)
#: Outlook.com says so, with 550 5.5.0, of addresses that do not exist: the words of RFC 5321 for 550.
_UNAVAILABLE = re.compile(r"mailbox unavailable", re.IGNORECASE)
#: Without an enhanced code only words tell policy: Exim's own "relay not permitted" is a bare 550.
_POLICY = re.compile(
    r"\b(?:relay(?:ing|ed)?|spam(?:ming)?|block(?:ed|list(?:ed)?)?|black ?list(?:ed)?|den(?:y|ied)|prohibit(?:ed|ion)"
    r"|polic(?:y|ies)|reputation|authenticat\w{1,5}|spf|dkim|dmarc|rbl|dnsbl|banned)\b",
    re.IGNORECASE,
)
_FULL = re.compile(r"\bfull\b|quota|temporar|try (?:again|later)", re.IGNORECASE)
_NOBODY = re.compile(
    r"(?:unknown|no such|invalid|nonexistent|non-existent) (?:user|recipient|mailbox|account|address|domain)"
    r"|(?:user|recipient|mailbox|account|address|domain)(?: name)? (?:is |was )?(?:unknown|not found|disabled|invalid|closed)"
    r"|no mailbox here|does(?: not|n't) exist|un(?:route|deliver)able address|mailbox unavailable|host or domain name not found"
    r"|doesn't have a|not a valid mailbox",
    re.IGNORECASE,
)


class Blame(StrEnum):
    """Who a refusal is about."""

    SITE = "site"  #: us: our login, our name, our sender, the relay's trust in us
    MESSAGE = "message"  #: what it holds, or how large it is
    RECIPIENT = "recipient"


@dataclass(frozen=True, slots=True, order=True)
class Code:
    """An enhanced status code (RFC 3463)."""

    level: int  #: 2 success, 4 for now, 5 for good
    subject: int
    detail: int

    def __str__(self) -> str:
        return f"{self.level}.{self.subject}.{self.detail}"

    @property
    def tells(self) -> bool:
        """Whether it says more than that something went wrong."""
        return (self.subject, self.detail) != (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What a final refusal means."""

    blame: Blame
    dead: bool  #: the address takes no mail any more


def read_code(text: str) -> Code | None:
    """The enhanced code at the head of a reply's words, or where qmail has it."""
    found = _AT_THE_HEAD.match(text) or _QMAIL.search(text)
    return None if found is None else Code(int(found[1]), int(found[2]), int(found[3]))


def is_readers(code: Code | None) -> bool:
    """Whether a code is about the reader's address or mailbox."""
    return code is not None and code.subject in _READERS and (code.subject, code.detail) not in _SENDER


def judge_refusal(reply_code: int | None, code: Code | None, words: str, *, of_recipient: bool) -> Refusal:
    """Say whom a final refusal blames.

    The enhanced code decides where it tells something; where its class disagrees with the reply (550 4.1.1), the
    reply says that this message is lost, and the class that the address is not.

    Args:
        reply_code: 5xx, or None where a report gives none.
        code: As it stands in the words.
        words: The reply's own.
        of_recipient: The refusal answers RCPT, or a report tells it of an address; else the message itself.
    """
    if reply_code in _AUTH:
        return Refusal(blame=Blame.SITE, dead=False)
    if code is None or not code.tells:
        return _by_words(reply_code, words, of_recipient=of_recipient)
    which = (code.subject, code.detail)
    if which in _SENDER or (code.subject == 7 and code.detail not in _OWN_POLICY):
        return Refusal(blame=Blame.SITE, dead=False)
    if code.subject == 6 or which in _MESSAGE:
        return Refusal(blame=Blame.MESSAGE, dead=False)
    if not of_recipient and code.subject not in _READERS:
        return Refusal(blame=Blame.MESSAGE, dead=False)
    return Refusal(blame=Blame.RECIPIENT, dead=code.level == 5 and _is_dead(which, words))


def _is_dead(which: tuple[int, int], words: str) -> bool:
    if which == (2, 1):
        return _RATE.search(words) is None
    return which in _DEAD or (which == (5, 0) and _UNAVAILABLE.search(words) is not None)


def _by_words(reply_code: int | None, words: str, *, of_recipient: bool) -> Refusal:
    if _POLICY.search(words):
        return Refusal(blame=Blame.SITE, dead=False)
    if not of_recipient:
        return Refusal(blame=Blame.MESSAGE, dead=False)
    if _FULL.search(words):
        return Refusal(blame=Blame.RECIPIENT, dead=False)
    # RFC 5321, section 4.2.3: 550 and 551 say that there is no such mailbox here; RFC 7504: 556, no such domain. 552, 553
    # and 554 stand for too much else.
    named = _NOBODY.search(words) is not None
    return Refusal(blame=Blame.RECIPIENT, dead=reply_code in (550, 551, 556) or named)

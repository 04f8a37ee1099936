"""What refusals say, in the words of real servers' kinds; every mailbox here is invented."""

from __future__ import annotations

import pytest

from digest.deliver.bounce import BouncePolicy, one_line
from digest.deliver.refusal import Blame, Code, is_readers, judge_refusal, read_code

DEAD = (Blame.RECIPIENT, True)
ALIVE = (Blame.RECIPIENT, False)
MESSAGE = (Blame.MESSAGE, False)
SITE = (Blame.SITE, False)

#: (reply, at RCPT, at the final dot). A reply is a code and words, as a server says them.
REPLIES = [
    ("550 5.1.1 user unknown", DEAD, DEAD),
    ("550 5.1.2 no such host", DEAD, DEAD),
    ("501 5.1.3 bad syntax", DEAD, DEAD),
    ("551 5.1.6 moved", DEAD, DEAD),
    ("556 5.1.10 takes no mail", DEAD, DEAD),
    ("550 5.2.1 disabled", DEAD, DEAD),
    ("550 5.2.1 receiving mail at a rate that prevents more", ALIVE, ALIVE),
    ("550 5.2.1 receiving mail too quickly", ALIVE, ALIVE),
    ("550 4.1.1 not now", ALIVE, ALIVE),
    ("550 5.1.0 rejected", ALIVE, ALIVE),
    ("550 5.1.4 which one", ALIVE, ALIVE),
    ("552 5.2.2 full", ALIVE, ALIVE),
    ("552 5.2.3 too long for this mailbox", MESSAGE, MESSAGE),
    ("550 5.2.4 list", ALIVE, ALIVE),
    ("554 5.3.0 system", ALIVE, MESSAGE),
    ("552 5.3.4 too big", MESSAGE, MESSAGE),
    ("550 5.4.1 access denied", ALIVE, MESSAGE),
    ("554 5.4.4 no route", ALIVE, MESSAGE),
    ("550 5.5.0 Requested action not taken: mailbox unavailable", DEAD, MESSAGE),
    ("550 5.5.0 something else", ALIVE, MESSAGE),
    ("501 5.5.4 arguments", ALIVE, MESSAGE),
    ("554 5.6.0 content", MESSAGE, MESSAGE),
    ("550 5.6.7 needs SMTPUTF8", MESSAGE, MESSAGE),
    ("550 5.7.1 spam", SITE, SITE),
    ("550 5.7.26 unauthenticated", SITE, SITE),
    ("550 5.7.2 closed list", ALIVE, MESSAGE),
    ("550 5.7.17 owner has changed", ALIVE, MESSAGE),
    ("550 5.7.133 not authenticated for group", ALIVE, MESSAGE),
    ("550 5.1.7 sender", SITE, SITE),
    ("550 5.1.8 sender's domain", SITE, SITE),
    ("535 5.1.1 log in", SITE, SITE),
    ("550 5.9.1 what", ALIVE, MESSAGE),
    # Without a code, or with one that says nothing.
    ("550 no", DEAD, MESSAGE),
    ("551 not here", DEAD, MESSAGE),
    ("556 no mail", DEAD, MESSAGE),
    ("550 5.0.0 no", DEAD, MESSAGE),
    ("550 Unrouteable address", DEAD, MESSAGE),
    ("550 mailbox full", ALIVE, MESSAGE),
    ("550 over quota", ALIVE, MESSAGE),
    ("550 relay not permitted", SITE, SITE),
    ("550 Administrative prohibition", SITE, SITE),
    ("554 your IP is blacklisted", SITE, SITE),
    ("550 this is spam", SITE, SITE),
    ("550 SPF check failed", SITE, SITE),
    ("552 no", ALIVE, MESSAGE),
    ("553 no", ALIVE, MESSAGE),
    ("553 unknown user", DEAD, MESSAGE),
    ("554 user is unknown", DEAD, MESSAGE),
    ("554 transaction failed", ALIVE, MESSAGE),
    ("500 what", ALIVE, MESSAGE),
    # qmail's way.
    ("553 sorry, no such domain here (#5.7.1)", SITE, SITE),
    ("554 Sorry, no mailbox here by that name. (#5.1.1)", DEAD, DEAD),
]


@pytest.mark.parametrize(("said", "at_rcpt", "at_dot"), REPLIES, ids=lambda each: str(each)[:40])
def test_each_refusal(said: str, at_rcpt: tuple[Blame, bool], at_dot: tuple[Blame, bool]) -> None:
    """Each has one meaning as an answer to RCPT, and one as an answer to the message."""
    reply_code, _, words = said.partition(" ")
    for of_recipient, expected in ((True, at_rcpt), (False, at_dot)):
        given = judge_refusal(int(reply_code), read_code(words), words, of_recipient=of_recipient)
        assert (given.blame, given.dead) == expected


def test_a_report_without_a_reply() -> None:
    """Where a report gives no number, its words alone can say that an address is dead."""
    dead = judge_refusal(None, None, "Sorry, that mailbox does not exist", of_recipient=True)
    doubtful = judge_refusal(None, None, "could not be delivered", of_recipient=True)
    assert (dead.dead, doubtful.dead) == (True, False)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("5.1.1 no", "5.1.1"),
        ("5.7.509 no", "5.7.509"),
        ("5.1.1", "5.1.1"),
        ("5.1.1. No such user", "5.1.1"),
        ("4.2.2: full", "4.2.2"),
        ("2.0.0 fine", "2.0.0"),
        ("no (#5.1.2)", "5.1.2"),
        ("5.1.1234 no", None),
        ("5.1.1.1 is an address", None),
        ("3.1.1 no", None),
        ("5.1 no", None),
        ("see 5.1.1", None),
        ("", None),
    ],
)
def test_reading_a_code(text: str, code: str | None) -> None:
    """A code stands at the head of the words, or behind a # as qmail writes it; nowhere else."""
    found = read_code(text)
    assert (str(found) if found else None) == code


def test_whose_code() -> None:
    """Address and mailbox are the reader's; the sender's address, which shares their subject, is not."""
    assert is_readers(Code(4, 2, 2))
    assert is_readers(Code(5, 1, 1))
    assert not is_readers(Code(5, 1, 8))
    assert not is_readers(Code(4, 3, 0))
    assert not is_readers(None)


def test_what_is_kept_of_words() -> None:
    """One line of 200 characters at most, without addresses, however long what was said."""
    said = 'no <jo@example.org>\r\n for "jo e"@example.org ' + "x" * 5_000
    kept = one_line(said)
    assert kept.startswith("no … for … xxx")
    assert len(kept) == 200


def test_defaults() -> None:
    """The patience that the settings document."""
    assert BouncePolicy(soft_limit=5, soft_days=30) == BouncePolicy()

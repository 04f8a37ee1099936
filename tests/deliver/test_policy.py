"""What each reply at each step means."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from digest.deliver.bounce import Bounce, BounceKind
from digest.deliver.delivery import Status
from digest.deliver.policy import (
    RetryPolicy,
    Verdict,
    detail,
    judge,
    judge_unbuilt,
    next_streak,
    wait,
)
from digest.deliver.refusal import Blame
from digest.deliver.reply import Reply, Silence, Step

NOW = dt.datetime(2026, 3, 2, 7, 0, tzinfo=dt.UTC)
TOMORROW = NOW + dt.timedelta(days=1)
POLICY = RetryPolicy()
#: Delivery 7 waits this long after its first try; see the docstring of `wait`.
SOON = NOW + dt.timedelta(seconds=60)
LATER = NOW + dt.timedelta(minutes=15)

ANSWERS: dict[str, dict[str, Any]] = {
    "4xx": {"code": 451, "text": "4.3.0 try later"},
    "5xx": {"code": 550, "text": "5.1.1 no such user"},
    "full": {"code": 452, "text": "4.2.2 mailbox full"},
    "full for good": {"code": 552, "text": "5.2.2 mailbox full"},
    "too large": {"code": 552, "text": "5.3.4 too big"},
    "content": {"code": 554, "text": "5.6.0 not this"},
    "policy": {"code": 554, "text": "5.7.1 listed"},
    "421": {"code": 421, "text": "4.3.2 closing"},
    "closed": {"code": None, "text": "", "silence": Silence.CLOSED},
    "timeout": {"code": None, "text": "", "silence": Silence.TIMEOUT},
    "garbage": {"code": None, "text": "hello", "silence": Silence.GARBAGE},
    "untrusted": {"code": None, "text": "expired", "silence": Silence.UNTRUSTED},
}

# status, counts_attempt, pause_run, blame, bounce
DEFERRED_SITE = (Status.DEFERRED, False, False, Blame.SITE, None)
PAUSED = (Status.DEFERRED, False, True, Blame.SITE, None)
SILENT = (Status.DEFERRED, True, False, None, None)
AMBIGUOUS = (Status.AMBIGUOUS, True, False, None, None)
LATER_READER = (Status.DEFERRED, True, False, Blame.RECIPIENT, None)
LATER_MESSAGE = (Status.DEFERRED, True, False, Blame.MESSAGE, None)
LATER_SOFT = (Status.DEFERRED, True, False, Blame.RECIPIENT, BounceKind.SOFT)
HARD = (Status.FAILED, True, False, Blame.RECIPIENT, BounceKind.HARD)
SOFT = (Status.FAILED, True, False, Blame.RECIPIENT, BounceKind.SOFT)
BLOCKED = (Status.FAILED, True, False, Blame.MESSAGE, BounceKind.BLOCKED)
Cell = tuple[Status, bool, bool, Blame | None, BounceKind | None]

NO_ANSWER = ("closed", "timeout", "garbage")
FINAL = ("5xx", "full for good", "too large", "content", "policy")
SITE: dict[str, Cell] = {
    **dict.fromkeys(("4xx", "full", "421", *NO_ANSWER), DEFERRED_SITE),
    **dict.fromkeys((*FINAL, "untrusted"), PAUSED),
}
RCPT: dict[str, Cell] = {
    "4xx": LATER_READER,
    "5xx": HARD,
    "full": LATER_SOFT,
    "full for good": SOFT,
    "too large": BLOCKED,
    "content": BLOCKED,
    "policy": PAUSED,
    "421": (Status.DEFERRED, True, False, Blame.RECIPIENT, None),
    **dict.fromkeys((*NO_ANSWER, "untrusted"), SILENT),
}
MESSAGE = RCPT | {
    "4xx": LATER_MESSAGE,
    "421": (Status.DEFERRED, True, False, Blame.MESSAGE, None),
}

DOT = MESSAGE | dict.fromkeys((*NO_ANSWER, "untrusted"), AMBIGUOUS)
TABLE = {
    Step.CONNECT: SITE,
    Step.EHLO: SITE,
    Step.STARTTLS: SITE,
    Step.AUTH: SITE,
    Step.MAIL: SITE,
    Step.RCPT: RCPT,
    Step.DATA: MESSAGE,
    Step.BODY: MESSAGE,
    Step.DOT: DOT,
}


def verdict(
    reply: Reply,
    *,
    attempts: int = 0,
    expires_at: dt.datetime = TOMORROW,
    ambiguous: str = "park",
) -> Verdict:
    policy = RetryPolicy(ambiguous="park" if ambiguous == "park" else "resend")
    return judge(reply, delivery_id=7, attempts=attempts, now=NOW, expires_at=expires_at, policy=policy)


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("answer", ANSWERS)
def test_every_cell(step: Step, answer: str) -> None:
    """Each answer at each step has one status, one blame, and one bounce at most."""
    given = verdict(Reply(step=step, **ANSWERS[answer]))
    status, counts, pause, blame, kind = TABLE[step][answer]
    code = ANSWERS[answer]["text"].partition(" ")[0]
    retry_at = (LATER if pause else SOON) if status is Status.DEFERRED else None
    assert given == Verdict(
        status=status,
        retry_at=retry_at,
        counts_attempt=counts,
        pause_run=pause,
        detail=given.detail,
        blame=blame,
        bounce=Bounce(kind=kind, status=code, detail=given.detail) if kind else None,
    )


@pytest.mark.parametrize("step", [Step.CONNECT, Step.EHLO, Step.STARTTLS, Step.AUTH, Step.MAIL])
@pytest.mark.parametrize("answer", ANSWERS)
def test_what_comes_before_the_reader_bounces_on_nobody(step: Step, answer: str) -> None:
    """Up to MAIL whatever is said suppresses nobody and counts on nobody's account."""
    given = verdict(Reply(step=step, **ANSWERS[answer]))
    assert (given.bounce, given.counts_attempt, given.blame) == (None, False, Blame.SITE)


@pytest.mark.parametrize("code", [200, 250, 299])
def test_acceptance_is_final(code: int) -> None:
    """2xx at the final dot is sent, without a retry, even past its time."""
    reply = Reply(step=Step.DOT, code=code, text="2.0.0 queued as 4F1")
    assert verdict(reply, expires_at=NOW) == Verdict(
        status=Status.SENT,
        retry_at=None,
        counts_attempt=True,
        pause_run=False,
        detail=f"dot {code} 2.0.0 queued as 4F1",
    )


@pytest.mark.parametrize("answer", ["closed", "timeout", "garbage"])
def test_a_lost_answer_may_be_repeated(answer: str) -> None:
    """Under `resend` a lost answer to the final dot is tried again, and the try is counted."""
    given = verdict(Reply(step=Step.DOT, **ANSWERS[answer]), ambiguous="resend")
    assert (given.status, given.retry_at, given.counts_attempt) == (Status.DEFERRED, SOON, True)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (199, Status.AMBIGUOUS),
        (300, Status.AMBIGUOUS),
        (354, Status.AMBIGUOUS),
        (399, Status.AMBIGUOUS),
        (400, Status.DEFERRED),
        (499, Status.DEFERRED),
        (500, Status.FAILED),
        (599, Status.FAILED),
        (600, Status.AMBIGUOUS),
    ],
)
def test_bounds_of_a_refusal(code: int, status: Status) -> None:
    """Only 400 to 599 refuse; any other number after the final dot says nothing."""
    given = verdict(Reply(step=Step.DOT, code=code, text=""))
    assert given.status == status


def test_a_wrong_success_is_no_success() -> None:
    """2xx where 354 is due defers."""
    given = verdict(Reply(step=Step.DATA, code=250, text="ok"))
    assert (given.status, given.pause_run) == (Status.DEFERRED, False)


@pytest.mark.parametrize(
    ("code", "text", "pauses"),
    [
        (550, "5.7.1 blocked", True),
        (554, "5.7.26 no DKIM", True),
        (550, "5.7.509 no DMARC", True),
        (550, "5.7.1", True),
        (550, "5.7.1234 what", False),
        (550, "5.7. what", False),
        (550, "4.7.1 later, or never", True),
        (550, "5.1.7 bad sender", True),
        (553, "5.1.8 sender's domain", True),
        (550, "5.7.2 no list expansion", False),
        (550, "relay not permitted", True),
        (554, "Blocked, see our policy", True),
        (550, "5.1.1 relay knows no such user", False),
        (550, "said 5.7.1", False),
        (550, "5a7.1 no", False),
        (550, "5.7a1 no", False),
        (450, "4.7.1 greylisted", False),
        (450, "5.7.1 confused", False),
        (530, "log in first", True),
        (534, "", True),
        (535, "", True),
        (538, "", True),
        (533, "", False),
        (554, "", False),
    ],
)
@pytest.mark.parametrize("step", [Step.RCPT, Step.DATA, Step.DOT])
def test_refusals_by_policy(step: Step, code: int, text: str, pauses: bool) -> None:
    """5.7.x and "log in first" pause the run and blame no reader; look-alikes do not."""
    given = verdict(Reply(step=step, code=code, text=text))
    assert given.pause_run is pauses
    assert given.counts_attempt is not pauses
    assert (given.retry_at == LATER) is pauses


@pytest.mark.parametrize(
    ("expires_at", "status", "retry_at"),
    [
        (SOON - dt.timedelta(seconds=1), Status.EXPIRED, None),
        (SOON, Status.EXPIRED, None),
        (SOON + dt.timedelta(seconds=1), Status.DEFERRED, SOON),
    ],
)
def test_expiry(expires_at: dt.datetime, status: Status, retry_at: dt.datetime | None) -> None:
    """A retry at the moment of expiry is too late; one second before it is not."""
    reply = Reply(step=Step.RCPT, code=451, text="")
    given = verdict(reply, expires_at=expires_at)
    assert (given.status, given.retry_at) == (status, retry_at)


def test_a_pause_can_expire() -> None:
    """A delivery whose pause ends too late expires, and the run pauses all the same."""
    given = verdict(Reply(step=Step.AUTH, code=535, text=""), expires_at=LATER)
    assert (given.status, given.pause_run, given.counts_attempt) == (Status.EXPIRED, True, False)


def test_waits_double_up_to_an_hour() -> None:
    """The waits of the docstring's example, then between 3,000 and 3,600 s."""
    waits = [int(wait(n, delivery_id=7, policy=POLICY).total_seconds()) for n in range(9)]
    assert waits == [60, 128, 247, 501, 1041, 2244, 3538, 3585, 3571]


def test_waits_follow_the_tries() -> None:
    """A fourth failure waits as the fourth, not as the first."""
    given = verdict(Reply(step=Step.DATA, code=451, text=""), attempts=3)
    assert given.retry_at == NOW + dt.timedelta(seconds=501)


def test_jitter_stays_in_bounds_and_reaches_them() -> None:
    """Over many deliveries the first wait takes each whole second from 60 to 72, never another."""
    seconds = {wait(0, delivery_id=n, policy=POLICY).total_seconds() for n in range(1000)}
    assert seconds == set(range(60, 73))


def test_the_longest_wait_includes_its_jitter() -> None:
    """Even after 10,000 tries nobody waits over an hour, and some wait just that."""
    seconds = {
        wait(attempts, delivery_id=n, policy=POLICY).total_seconds()
        for n in range(3000)
        for attempts in (6, 10_000)
    }
    assert (min(seconds), max(seconds)) == (3000, 3600)


def test_whole_seconds() -> None:
    """Waits are whole seconds where the jitter does not divide evenly, rounded down."""
    policy = RetryPolicy(first=dt.timedelta(seconds=7), longest=dt.timedelta(seconds=100), jitter_percent=30)
    first = {wait(0, delivery_id=n, policy=policy).total_seconds() for n in range(500)}
    longest = {wait(9, delivery_id=n, policy=policy).total_seconds() for n in range(500)}
    assert first == {7, 8, 9}
    assert longest == set(range(76, 99))


def test_no_jitter() -> None:
    """Without jitter the waits are the bare powers of two."""
    policy = RetryPolicy(jitter_percent=0)
    waits = [wait(n, delivery_id=7, policy=policy).total_seconds() for n in range(8)]
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_the_shift_is_capped() -> None:
    """The doubling ends at 2 ** 20, whatever the longest wait."""
    policy = RetryPolicy(first=dt.timedelta(seconds=1), longest=dt.timedelta(days=3650), jitter_percent=0)
    waits = [wait(n, delivery_id=7, policy=policy).total_seconds() for n in (19, 20, 21, 10_000)]
    assert waits == [2**19, 2**20, 2**20, 2**20]


@pytest.mark.parametrize(
    ("attempts", "status", "retry_at"),
    [
        (0, Status.DEFERRED, SOON),
        (1, Status.DEFERRED, NOW + dt.timedelta(seconds=128)),
        (2, Status.FAILED, None),
        (3, Status.FAILED, None),
    ],
)
def test_a_poison_item_is_parked(attempts: int, status: Status, retry_at: dt.datetime | None) -> None:
    """What cannot be built is tried three times, and each counts."""
    given = judge_unbuilt(
        "paper 12:\n KeyError",
        delivery_id=7,
        attempts=attempts,
        now=NOW,
        expires_at=TOMORROW,
        policy=POLICY,
    )
    assert given == Verdict(
        status=status,
        retry_at=retry_at,
        counts_attempt=True,
        pause_run=False,
        detail="build paper 12: KeyError",
    )


def test_a_poison_item_can_expire() -> None:
    """A second try that would come too late is not waited for."""
    given = judge_unbuilt("no", delivery_id=7, attempts=0, now=NOW, expires_at=SOON, policy=POLICY)
    assert (given.status, given.retry_at) == (Status.EXPIRED, None)


def test_site_troubles_in_a_row() -> None:
    """A trouble of the site adds one; a word about a message sets the row back."""
    trouble = verdict(Reply(step=Step.CONNECT, **ANSWERS["closed"]))
    refusal = verdict(Reply(step=Step.RCPT, **ANSWERS["5xx"]))
    assert next_streak(4, trouble) == 5
    assert next_streak(4, refusal) == 0


@pytest.mark.parametrize(
    ("step", "answer", "streak"),
    [
        (Step.DOT, "content", 5),
        (Step.DOT, "too large", 5),
        (Step.DATA, "content", 5),
        (Step.DOT, "4xx", 0),
        (Step.DOT, "5xx", 0),
        (Step.RCPT, "full for good", 0),
        (Step.DOT, "timeout", 0),
    ],
)
def test_contents_refused_in_a_row(step: Step, answer: str, streak: int) -> None:
    """Messages refused for good for what they hold add up as the site's troubles do: it is a policy in disguise."""
    assert next_streak(4, verdict(Reply(step=step, **ANSWERS[answer]))) == streak


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (Reply(step=Step.RCPT, code=550, text="5.1.1 no such user"), "rcpt 550 5.1.1 no such user"),
        (
            Reply(step=Step.RCPT, code=550, text="5.1.1 <jo.e+x@example.org>: unknown"),
            "rcpt 550 5.1.1 …: unknown",
        ),
        (Reply(step=Step.RCPT, code=550, text='to "jo e"@example.org no'), "rcpt 550 to … no"),
        (Reply(step=Step.RCPT, code=550, text="@example.org"), "rcpt 550 …"),
        (Reply(step=Step.DOT, code=451, text="a\r\nb\x00 c"), "dot 451 a b\x00 c"),
        (Reply(step=Step.CONNECT, **ANSWERS["closed"]), "connect closed"),
        (Reply(step=Step.STARTTLS, **ANSWERS["untrusted"]), "starttls untrusted expired"),
        (Reply(step=Step.DOT, code=550, text="x" * 300), "dot 550 " + "x" * 192),
    ],
)
def test_detail(reply: Reply, line: str) -> None:
    """The ledger keeps one line of at most 200 characters, without addresses."""
    assert detail(reply) == line
    assert verdict(reply).detail == line


def test_defaults() -> None:
    """The patience that the settings document."""
    assert (
        RetryPolicy(
            first=dt.timedelta(seconds=60),
            longest=dt.timedelta(seconds=3600),
            jitter_percent=20,
            pause=dt.timedelta(seconds=900),
            site_streak=20,
            build_tries=3,
            ambiguous="resend",
        )
        == POLICY
    )

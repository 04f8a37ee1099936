"""What a reply means for a delivery: its status, whether and when to try again, and who is to blame."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Literal

from digest.deliver.bounce import Bounce, BounceKind, one_line
from digest.deliver.delivery import Status
from digest.deliver.refusal import Blame, is_readers, judge_refusal, read_code
from digest.deliver.reply import UP_TO_MAIL, Reply, Silence, Step

#: What a final refusal counts as, by whom it blames; an address that is dead bounces hard.
_KINDS = {Blame.RECIPIENT: BounceKind.SOFT, Blame.MESSAGE: BounceKind.BLOCKED}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How patient to be."""

    first: dt.timedelta = dt.timedelta(seconds=60)  #: the shortest wait; each further one doubles
    longest: dt.timedelta = dt.timedelta(hours=1)  #: no wait is longer, jitter included
    jitter_percent: int = 20  #: a wait is lengthened by up to this much
    pause: dt.timedelta = dt.timedelta(minutes=15)  #: for what an operator has to mend, before a new look
    #: Troubles in a row, over all connections, that pause the run as well: of the site, or messages refused for what
    #: they hold. One such message is its own misfortune; twenty, and none taken between them, are a policy.
    site_streak: int = 20
    build_tries: int = 3  #: a message that cannot be built is parked at this try
    ambiguous: Literal["park", "resend"] = "resend"  #: when the answer to the final dot is lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of a delivery after one try."""

    status: Status  #: sent, deferred, failed, expired or ambiguous
    retry_at: dt.datetime | None  #: aware; set where deferred, else None
    counts_attempt: bool  #: no, where the trouble was the site's: the reader had no part in it
    pause_run: bool  #: hand nothing more over until an operator, or the pause, has mended it
    detail: str  #: one line, "rcpt 550 5.1.1 no such user", without addresses
    blame: Blame | None = None  #: whom a refusal is about; None where nothing was refused
    bounce: Bounce | None = None  #: what it says of the reader, where it says anything


def judge(
    reply: Reply,
    *,
    delivery_id: int,
    attempts: int,
    now: dt.datetime,
    expires_at: dt.datetime,
    policy: RetryPolicy,
) -> Verdict:
    """Say what a relay's last word means.

    2xx at the final dot is sent, and never tried again. 5xx at RCPT, DATA or the dot fails this message
    alone: it bounced, unless what it holds was refused. Up to MAIL, and for refusals by policy (5.7.x), the
    site is to blame: nobody is suppressed, no attempt is counted, and 5xx or a broken TLS pauses the run.
    Everything else is tried again later; where that would be too late, the delivery expires. When the final
    dot has left and the answer is lost, the relay may have the message: `policy.ambiguous` says whether to
    park it or to repeat it.

    Args:
        reply: The last word about the message.
        delivery_id: Spreads the retries, the same way at each call.
        attempts: Counted tries before this one.
        now: Aware.
        expires_at: Aware; a retry at this moment is already too late.
        policy: How patient to be.
    """
    blame, bounce = _meaning(reply)
    site = blame is Blame.SITE
    counts = not site
    pause = site and (_is_final(reply) or reply.silence is Silence.UNTRUSTED)
    retry_at: dt.datetime | None = None
    if reply.accepted:
        status = Status.SENT
    elif _is_final(reply) and not site:
        status = Status.FAILED
    elif _is_unknown(reply) and policy.ambiguous == "park":
        status = Status.AMBIGUOUS
    else:
        delay = policy.pause if pause else wait(attempts, delivery_id=delivery_id, policy=policy)
        status, retry_at = _deferral(now + delay, expires_at=expires_at)
    return Verdict(
        status=status,
        retry_at=retry_at,
        counts_attempt=counts,
        pause_run=pause,
        detail=detail(reply),
        blame=blame,
        bounce=bounce,
    )


def judge_unbuilt(
    reason: str,
    *,
    delivery_id: int,
    attempts: int,
    now: dt.datetime,
    expires_at: dt.datetime,
    policy: RetryPolicy,
) -> Verdict:
    """Say what becomes of a delivery whose message cannot be built: parked after `policy.build_tries`.

    Args:
        reason: What went wrong, for an operator; addresses are taken out.
        delivery_id: As for `judge`.
        attempts: Counted tries before this one.
        now: Aware.
        expires_at: Aware.
        policy: How patient to be.
    """
    status, retry_at = Status.FAILED, None
    if attempts + 1 < policy.build_tries:
        delay = wait(attempts, delivery_id=delivery_id, policy=policy)
        status, retry_at = _deferral(now + delay, expires_at=expires_at)
    return Verdict(
        status=status,
        retry_at=retry_at,
        counts_attempt=True,
        pause_run=False,
        detail=one_line(f"build {reason}"),
    )


def wait(attempts: int, *, delivery_id: int, policy: RetryPolicy) -> dt.timedelta:
    """Return how long to wait before the next try: doubling, with jitter, in whole seconds.

    Delivery 7 under the defaults waits 60, 128, 247, 501 s, and from the seventh try on between 3,000 and
    3,600 s. The jitter comes from the delivery and the try, not from chance, so a restart plans the same
    moment again and a test can name it.

    Args:
        attempts: Counted tries before the one that just failed, from 0.
        delivery_id: Spreads deliveries that failed together.
        policy: First and longest wait, and the jitter.
    """
    longest_s = int(policy.longest.total_seconds()) * 100 // (100 + policy.jitter_percent)
    # The exponent is capped as well: 2 ** 10,000 is no number of seconds.
    base_s = min(int(policy.first.total_seconds()) << min(attempts, 20), longest_s)
    spread_s = base_s * policy.jitter_percent // 100
    seed = hashlib.blake2b(b"%d:%d" % (delivery_id, attempts), digest_size=4).digest()
    return dt.timedelta(seconds=base_s + int.from_bytes(seed, "big") % (spread_s + 1))


def next_streak(streak: int, verdict: Verdict) -> int:
    """Count the troubles in a row that are not the readers'; at `RetryPolicy.site_streak` the run pauses.

    A dead relay answers no message at all: without this, a run would try each of its deliveries once. One that
    refuses whatever we write would have each of them fail.
    """
    refused = verdict.blame is Blame.MESSAGE and verdict.status is Status.FAILED
    return streak + 1 if refused or verdict.blame is Blame.SITE else 0


def detail(reply: Reply) -> str:
    """Return the reply in one line for the ledger, without addresses: "rcpt 550 5.1.1 no such user"."""
    said = reply.code if reply.silence is None else reply.silence
    return one_line(f"{reply.step} {said} {reply.text}")


def _is_final(reply: Reply) -> bool:
    return reply.code is not None and 500 <= reply.code < 600


def _is_refusal(reply: Reply) -> bool:
    return reply.code is not None and 400 <= reply.code < 600


def _meaning(reply: Reply) -> tuple[Blame | None, Bounce | None]:
    if reply.step in UP_TO_MAIL:
        return Blame.SITE, None
    if not _is_refusal(reply):
        return None, None
    code, of_recipient = read_code(reply.text), reply.step is Step.RCPT
    if _is_final(reply):
        refusal = judge_refusal(reply.code, code, reply.text, of_recipient=of_recipient)
        kind = _KINDS.get(refusal.blame)
        blame, kind = refusal.blame, BounceKind.HARD if refusal.dead else kind
    else:
        # What a server has no time for now says nothing of the reader, unless its code does: were each greylisting
        # a bounce, a day without the relay would be one of everybody's.
        blame = Blame.RECIPIENT if of_recipient or is_readers(code) else Blame.MESSAGE
        kind = BounceKind.SOFT if is_readers(code) else None
    if kind is None:
        return blame, None
    return blame, Bounce(kind=kind, status=str(code) if code else None, detail=detail(reply))


def _is_unknown(reply: Reply) -> bool:
    """Whether the relay may have the message: nothing that makes sense came after the final dot."""
    return reply.step is Step.DOT and not reply.accepted and not _is_refusal(reply)


def _deferral(retry_at: dt.datetime, *, expires_at: dt.datetime) -> tuple[Status, dt.datetime | None]:
    if retry_at >= expires_at:
        return Status.EXPIRED, None
    return Status.DEFERRED, retry_at

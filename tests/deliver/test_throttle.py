"""The throttle: rates and connections are kept to, a destination that hangs holds up no other, nobody waits for ever."""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.deliver import throttle as module
from digest.deliver.pace import Rate
from digest.deliver.reply import Reply, Silence, Step
from digest.deliver.throttle import Heard, Limits, Throttle, heard

GOOD, BAD = "good.example.org", "bad.example.org"


def throttle(connections: int = 8, **limits: object) -> Throttle:
    return Throttle(replace(Limits(), **limits), connections=connections)  # type: ignore[arg-type] # by the dataclass


def enrolled(made: Throttle, *names: str, now_s: float = 0.0) -> list[str]:
    assert [made.enrol(name, now_s) for name in names] == [True] * len(names)
    return list(names)


def start(made: Throttle, waiting: list[str], places: int, now_s: float) -> list[int]:
    """Start what may go, the first first, as far as there are places and room; returns where they stood."""
    started: list[int] = []
    for place, name in enumerate(waiting):
        if len(started) < min(places, made.room(now_s) + len(started)) and made.start(name, now_s):
            started.append(place)
    return started


# -- what a reply tells of its domain -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "code", "silence", "what"),
    [
        (Step.CONNECT, None, Silence.TIMEOUT, Heard.NOTHING),
        (Step.MAIL, 451, None, Heard.NOTHING),
        (Step.RCPT, None, Silence.TIMEOUT, Heard.SILENCE),
        (Step.DOT, None, Silence.TIMEOUT, Heard.SILENCE),
        (Step.RCPT, None, Silence.CLOSED, Heard.NOTHING),
        (Step.RCPT, 550, None, Heard.ANSWER),
        (Step.DOT, 250, None, Heard.ANSWER),
    ],
)
def test_what_was_heard(step: Step, code: int | None, silence: Silence | None, what: Heard) -> None:
    """A refusal is an answer; no word in time is silence; a relay's own trouble, and a cut line, tell nothing."""
    assert heard(Reply(step=step, code=code, text="", silence=silence)) is what


# -- shares -------------------------------------------------------------------------------------------


def test_one_connection_more_with_each_answer() -> None:
    """A domain begins with an eighth of the connections, and gets all of them once it has answered often enough."""
    made = throttle(16)
    waiting = enrolled(made, *[GOOD] * 32)
    going = []
    for _ in range(16):
        started = start(made, waiting, 16, 0.0)
        del waiting[: len(started)]
        going.append(len(started))
        for _ in started:
            made.end(GOOD, Heard.ANSWER, 0.0)
    assert going[:4] == [2, 4, 8, 16]
    assert not waiting


def test_others_go_past_one_that_hangs() -> None:
    """The first message to a domain holds one of eight connections; those behind it wait, and others do not."""
    made = throttle(8)
    waiting = enrolled(made, BAD, BAD, GOOD, BAD, "other.example.org", GOOD)
    assert start(made, waiting, 8, 0.0) == [0, 2, 4]
    made.end(GOOD, Heard.ANSWER, 0.1)
    assert start(made, [BAD, BAD, GOOD], 8, 0.1) == [2]


def test_one_that_began_to_hang() -> None:
    """A domain that has answered before holds what it has until it hangs; then nothing more until one comes back."""
    made = throttle(4, stall_s=5.0)
    waiting = enrolled(made, *[BAD] * 9)
    for _ in range(3):
        assert start(made, waiting, 1, 0.0) == [0]
        waiting.pop()
        made.end(BAD, Heard.ANSWER, 0.0)
    assert start(made, waiting, 3, 0.0) == [0, 1, 2]
    del waiting[:3]
    assert start(made, waiting, 1, 4.9) == [0]
    waiting.pop()
    made.end(BAD, Heard.NOTHING, 4.9)
    assert start(made, waiting, 1, 5.1) == []
    made.end(BAD, Heard.ANSWER, 9.0)
    assert start(made, waiting, 1, 9.0) == [0]


def test_left_alone_after_silence() -> None:
    """One that was given up is told once to be put aside, is not enrolled meanwhile, and then has its small share."""
    made = throttle(8, aside_s=60.0)
    waiting = enrolled(made, BAD, BAD, GOOD)
    assert start(made, waiting, 8, 0.0) == [0, 2]
    assert made.end(BAD, Heard.SILENCE, 10.0) is True
    assert start(made, [BAD], 8, 69.9) == []
    assert made.enrol(BAD, 69.9) is False
    assert (made.is_aside(BAD, 69.9), made.is_aside(BAD, 70.0)) == (True, False)
    assert made.turned_away(69.9) == {BAD}
    assert made.wait_s([BAD], 60.0) == pytest.approx(10.0)
    assert made.turned_away(70.0) == frozenset()
    assert made.enrol(BAD, 70.0) is True
    assert start(made, [BAD, BAD], 8, 70.0) == [0]
    made.end(GOOD, Heard.ANSWER, 70.0)


def test_several_that_are_given_up_together() -> None:
    """Of messages to one domain that time out at once, the first alone puts the others aside."""
    made = throttle(16, aside_s=60.0)
    assert start(made, enrolled(made, BAD, BAD), 16, 0.0) == [0, 1]
    assert [made.end(BAD, Heard.SILENCE, 10.0) for _ in range(2)] == [True, False]


# -- how many wait ------------------------------------------------------------------------------------


def test_only_so_many_wait() -> None:
    """Of a domain that cannot go, 32 wait; the next is turned away until one of them has started."""
    made = throttle(8)
    assert start(made, enrolled(made, BAD), 8, 0.0) == [0]
    enrolled(made, *[BAD] * 32)
    assert made.enrol(BAD, 0.0) is False
    assert made.enrol(GOOD, 0.0) is True
    assert made.turned_away(0.0) == {BAD}
    made.end(BAD, Heard.ANSWER, 0.0)
    assert made.turned_away(0.0) == frozenset()
    assert made.enrol(BAD, 0.0) is True


def test_more_wait_where_more_may_go() -> None:
    """Of a domain that has all of 64 connections, four times as many: behind each, in stock, and claimed."""
    made = throttle(64)
    for _ in range(4):
        for _ in start(made, enrolled(made, *[GOOD] * 64), 64, 0.0):
            made.end(GOOD, Heard.ANSWER, 0.0)
        made.begin()
    assert len(start(made, enrolled(made, *[GOOD] * 64), 64, 0.0)) == 64
    enrolled(made, *[GOOD] * 256)
    assert made.enrol(GOOD, 0.0) is False


def test_claims_are_kept_whole_where_all_connections_may_go() -> None:
    """Of a domain that has all of few connections, two claims of the usual size wait; where it has not all, or hangs, 32."""
    made, narrow = throttle(8), throttle(8, domain_connections=7)
    for each in (made, narrow):
        for _ in range(7):
            for _ in start(each, enrolled(each, GOOD), 8, 0.0):
                each.end(GOOD, Heard.ANSWER, 0.0)
    assert len(start(made, enrolled(made, *[GOOD] * 8), 8, 0.0)) == 8
    assert len(start(narrow, enrolled(narrow, *[GOOD] * 7), 8, 0.0)) == 7
    enrolled(made, *[GOOD] * 256)
    enrolled(narrow, *[GOOD] * 32)
    assert (made.enrol(GOOD, 0.0), narrow.enrol(GOOD, 0.0)) == (False, False)
    for _ in range(224):
        made.withdraw(GOOD)
    assert made.enrol(GOOD, 1.0) is True
    made.withdraw(GOOD)
    assert made.enrol(GOOD, 6.0) is False


@pytest.mark.parametrize(
    ("rate", "at_first", "at_last"),
    [(Rate(10, 60.0), 32, 100), (Rate(50, 3600.0), 8, 8), (Rate(1, 3600.0), 1, 1)],
)
def test_of_a_domain_with_a_rate_no_more_wait_than_go_in_time(
    rate: Rate, at_first: int, at_last: int
) -> None:
    """Neither where it could go at once, nor once it has all connections: what waits longer has a lease that ends."""
    made = throttle(8, domain_rate=rate)
    enrolled(made, *[GOOD] * at_first)
    assert made.enrol(GOOD, 0.0) is False
    now_s = 0.0
    for _ in range(8):
        now_s += 1.01 * rate.period_s
        assert made.start(GOOD, now_s)
        made.end(GOOD, Heard.ANSWER, now_s)
        enrolled(made, GOOD, now_s=now_s)
    enrolled(made, *[GOOD] * (at_last - at_first), now_s=now_s)
    assert made.enrol(GOOD, now_s) is False


def test_a_promised_place_is_nobody_elses() -> None:
    """Neither started, nor waited for by time, nor a reason to let more wait; and free again once it is not wanted."""
    made = throttle(8)
    enrolled(made, *[GOOD] * 32)
    assert [made.promise(GOOD, 0.0), made.promise(GOOD, 0.0)] == [True, False]
    assert made.start(GOOD, 0.0) is False
    assert made.wait_s([GOOD], 0.0) == math.inf
    assert made.enrol(GOOD, 0.0) is False
    made.unpromise(GOOD)
    assert made.wait_s([GOOD], 0.0) == 0.0
    assert made.start(GOOD, 0.0) is True


def test_one_that_is_withdrawn_makes_room() -> None:
    """What is given up unsent waits no more."""
    made = throttle(8)
    assert start(made, enrolled(made, BAD), 8, 0.0) == [0]
    enrolled(made, *[BAD] * 32)
    made.withdraw(BAD)
    assert made.enrol(BAD, 0.0) is True


def test_one_that_was_started_and_waits_again() -> None:
    """Its place is free for another, and it can be started again."""
    made = throttle(1)
    enrolled(made, GOOD, GOOD)
    assert [made.start(GOOD, 0.0), made.start(GOOD, 0.0)] == [True, False]
    made.wait_again(GOOD)
    assert [made.start(GOOD, 0.0), made.start(GOOD, 0.0)] == [True, False]
    made.end(GOOD, Heard.ANSWER, 0.0)
    assert made.start(GOOD, 0.0)


@pytest.mark.parametrize("limit", ["rate", "domain_rate"])
def test_one_that_waits_again_gives_its_turn_back(limit: str) -> None:
    """Under a rate the turn of a message of which nothing left is another's, or its own once more."""
    made = throttle(8, **{limit: Rate(50, 3600.0)})
    enrolled(made, GOOD)
    assert made.start(GOOD, 0.0)
    made.wait_again(GOOD)
    made.give_back(GOOD, 0.0)
    assert (made.room(1.0) > 0, made.wait_s([GOOD], 1.0)) == (True, 0.0)
    assert made.start(GOOD, 1.0)
    made.end(GOOD, Heard.ANSWER, 1.0)
    enrolled(made, GOOD, now_s=73.0)
    assert made.wait_s([GOOD], 1.0) == pytest.approx(72.0, abs=0.1)


def test_a_new_run_begins_with_nothing_on_its_way() -> None:
    """Whatever broke the last one; what was learned of a domain stays."""
    made = throttle(8)
    waiting = enrolled(made, *[GOOD] * 3)
    assert start(made, waiting, 8, 0.0) == [0]
    made.end(GOOD, Heard.ANSWER, 0.0)
    assert start(made, waiting[1:], 8, 0.0) == [0, 1]
    made.begin()
    assert start(made, enrolled(made, GOOD, GOOD), 8, 0.0) == [0, 1]


def test_domains_at_rest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many domains those that matter are kept: on their way, waiting, left alone, or lately sent to."""
    monkeypatch.setattr(module, "_DOMAINS", 4)
    made = throttle(16, domain_rate=Rate(1, 60.0))
    names = ["left.org", "going.org", "paced.org", "waiting.org"]
    waiting = enrolled(made, *names)
    assert start(made, waiting[:3], 16, 0.0) == [0, 1, 2]
    made.end("left.org", Heard.SILENCE, 0.0)
    made.end("paced.org", Heard.ANSWER, 0.0)
    assert made.enrol("another.org", 1.0)
    made.withdraw("another.org")
    assert made.enrol("one-more.org", 1.0)
    assert start(made, ["one-more.org", "waiting.org"], 16, 1.0) == [0, 1]
    assert made.enrol("paced.org", 1.0)
    # A minute later only those count that are on their way or wait; one that is forgotten is turned away no more.
    assert made.enrol("left.org", 1.0) is False
    made.end("going.org", Heard.ANSWER, 90.0)
    made.enrol("new.org", 90.0)
    assert made.turned_away(90.0) == frozenset()


# -- limits -------------------------------------------------------------------------------------------


def test_connections_of_a_domain() -> None:
    """However many answers, never more on their way than is allowed."""
    made = throttle(16, domain_connections=3)
    waiting = enrolled(made, *[GOOD] * 30)
    for _ in range(5):
        assert len(start(made, waiting, 1, 0.0)) == 1
        waiting.pop()
        made.end(GOOD, Heard.ANSWER, 0.0)
    assert start(made, waiting, 16, 0.0) == [0, 1, 2]


def test_the_rate_of_all() -> None:
    """One a second: the second of two domains waits as well, and time alone brings its turn."""
    made = throttle(8, rate=Rate(1, 1.0))
    waiting = enrolled(made, GOOD, BAD)
    assert start(made, waiting, 8, 0.0) == [0]
    assert start(made, [BAD], 8, 0.5) == []
    assert made.wait_s([BAD], 0.5) == pytest.approx(0.5, rel=1e-4)
    assert start(made, [BAD], 8, 1.1) == [0]


def test_no_more_is_claimed_than_may_go_soon() -> None:
    """A minute's worth of the rate, one at least; without a rate there is no such bound."""
    assert throttle(rate=Rate(5, 1.0)).soon(60.0) == 300
    assert throttle(rate=Rate(5, 3600.0)).soon(60.0) == 1
    assert throttle().soon(60.0) > 1_000_000


def test_the_rate_of_a_domain() -> None:
    """One a minute to each: others do not wait for it."""
    made = throttle(8, domain_rate=Rate(1, 60.0))
    waiting = enrolled(made, GOOD, GOOD, BAD)
    assert start(made, waiting, 8, 0.0) == [0, 2]
    for name in (GOOD, BAD):
        made.end(name, Heard.ANSWER, 0.0)
    assert start(made, [GOOD], 8, 30.0) == []
    assert made.wait_s([GOOD], 30.0) == pytest.approx(30.0, rel=1e-4)
    assert start(made, [GOOD], 8, 60.1) == [0]


def test_what_only_an_end_can_bring_is_not_waited_for_by_time() -> None:
    """A domain whose share is on its way: nothing to wait for but that."""
    made = throttle(8)
    waiting = enrolled(made, BAD, BAD)
    assert made.wait_s(waiting, 0.0) == 0.0
    assert start(made, waiting, 8, 0.0) == [0]
    assert made.wait_s([BAD], 0.0) == math.inf
    assert made.wait_s([], 0.0) == math.inf


# -- R8 on counts, by a clock of the test -------------------------------------------------------------


@dataclass
class Run:
    """A run of a sender as the throttle sees it: each answer takes `answer_s`, one that hangs is given up after 60 s."""

    throttle: Throttle
    connections: int
    hanging: frozenset[str] = frozenset()
    answer_s: float = 0.02
    given_up_s: float = 60.0
    now_s: float = 0.0
    most_going: Counter[str] = field(default_factory=Counter)
    started: list[tuple[float, str]] = field(default_factory=list)
    answered_at: dict[int, float] = field(default_factory=dict)
    going: Counter[str] = field(default_factory=Counter)

    def all(self, names: list[str]) -> None:
        """Go on until all is answered or given up; what a domain that is left alone has left stays in the ledger."""
        ledger = deque(enumerate(names))
        waiting: list[tuple[int, str]] = []
        ends: list[tuple[float, int, str]] = []
        for _ in range(20 * len(names) + 1000):
            self._enrol(ledger, waiting)
            places = self.connections - self.going.total()
            for place in reversed(start(self.throttle, [name for _, name in waiting], places, self.now_s)):
                heapq.heappush(ends, self._started(*waiting.pop(place)))
            times = [ends[0][0]] if ends else []
            if waiting and self.going.total() < self.connections:
                wait_s = self.throttle.wait_s([name for _, name in waiting], self.now_s)
                times.append(self.now_s + wait_s + 1e-6)
            if min(times, default=math.inf) == math.inf:
                assert not waiting
                assert {name for _, name in ledger} <= self.hanging
                return
            self.now_s = max(self.now_s, min(times))
            while ends and ends[0][0] <= self.now_s:
                self._ended(*heapq.heappop(ends)[1:], waiting)
        raise AssertionError("it goes on for ever")

    def _enrol(self, ledger: deque[tuple[int, str]], waiting: list[tuple[int, str]]) -> None:
        """Take from the ledger what may wait, until there is one for each connection; the others stay."""
        turned_away = self.throttle.turned_away(self.now_s)
        left: list[tuple[int, str]] = []
        while ledger and self.going.total() + len(waiting) - len(left) < 2 * self.connections + 32:
            number, name = ledger.popleft()
            if name in turned_away or not self.throttle.enrol(name, self.now_s):
                left.append((number, name))
            else:
                waiting.append((number, name))
        ledger.extendleft(reversed(left))

    def _started(self, number: int, name: str) -> tuple[float, int, str]:
        self.going[name] += 1
        self.most_going[name] = max(self.most_going[name], self.going[name])
        self.started.append((self.now_s, name))
        took_s = self.given_up_s if name in self.hanging else self.answer_s
        return self.now_s + took_s, number, name

    def _ended(self, number: int, name: str, waiting: list[tuple[int, str]]) -> None:
        self.going[name] -= 1
        what = Heard.SILENCE if name in self.hanging else Heard.ANSWER
        if what is Heard.ANSWER:
            self.answered_at[number] = self.now_s
        if self.throttle.end(name, what, self.now_s):
            for place in [at for at, one in enumerate(waiting) if one[1] == name][::-1]:
                self.throttle.withdraw(name)
                waiting.pop(place)


@pytest.mark.parametrize("connections", [8, 64])
def test_a_black_hole_costs_the_others_little(connections: int) -> None:
    """R8: of 2,000 readers every fifth is at a domain that never answers; the rest take at most 1.2 x their time alone."""
    names = [BAD if number % 5 == 0 else GOOD for number in range(2000)]
    rest = [number for number, name in enumerate(names) if name == GOOD]
    beside = Run(throttle(connections), connections, frozenset({BAD}))
    beside.all(names)
    alone = Run(throttle(connections), connections)
    alone.all([GOOD] * len(rest))
    assert sorted(beside.answered_at) == rest
    assert beside.most_going[BAD] <= connections // 8
    ratio = max(beside.answered_at.values()) / max(alone.answered_at.values())
    assert ratio <= 1.2


@given(
    st.lists(st.sampled_from("abcdef"), max_size=150),
    st.sets(st.sampled_from("abc"), max_size=2),
    st.integers(1, 12),
    st.builds(
        Limits,
        rate=st.none() | st.builds(Rate, st.integers(1, 50), st.sampled_from([1.0, 60.0])),
        domain_rate=st.none() | st.builds(Rate, st.integers(1, 30), st.sampled_from([1.0, 60.0])),
        domain_connections=st.none() | st.integers(1, 5),
    ),
)
def test_limits_hold_and_all_go(
    names: list[str], hanging: set[str], connections: int, limits: Limits
) -> None:
    """Whatever hangs and whatever the limits: they are kept to, and every message to the others goes in the end."""
    run = Run(Throttle(limits, connections=connections), connections, frozenset(hanging))
    run.all(names)
    assert sorted(run.answered_at) == [n for n, name in enumerate(names) if name not in hanging]
    most = min(limits.domain_connections or connections, connections)
    assert all(count <= most for count in run.most_going.values())
    for name in hanging:
        assert run.most_going[name] <= max(1, connections // 8)
    for rate, chosen in [(limits.rate, set("abcdef"))] + [(limits.domain_rate, {name}) for name in "abcdef"]:
        times = [at for at, name in run.started if name in chosen]
        if rate is not None:
            for first, at in enumerate(times):
                assert sum(other < at + rate.period_s - 1e-6 for other in times[first:]) <= rate.count

"""What may be chosen, and what an error says when it may not."""

from __future__ import annotations

import pytest

from digest.errors import PreferenceError
from digest.subscribers.preferences import check, profile, schedule, zones
from digest.subscribers.subscriber import Frequency, Profile, Schedule

TOPICS = ("diffusion", "agents", "speech", "robotics", "Vision-3D")


def test_nothing_given_means_the_defaults() -> None:
    """No value at all gives what the values themselves hold as defaults."""
    assert profile(known_topics=TOPICS) == Profile()
    assert profile(known_topics=TOPICS, cap=None) == Profile()
    assert schedule() == Schedule()
    assert schedule(frequency=None, weekday=None, zone=None, hour=None) == Schedule()


def test_everything_given() -> None:
    """Each value lands in its place, raw or typed."""
    assert profile(
        known_topics=set(TOPICS),
        topics=["speech", "agents"],
        interests=["protein folding"],
        include=["sparse attention", "author:Ada Nowak"],
        exclude=["benchmark"],
        cap="50",
    ) == Profile(
        topics=("speech", "agents"),
        interests=("protein folding",),
        include=("sparse attention", "author:Ada Nowak"),
        exclude=("benchmark",),
        cap=50,
    )
    assert schedule(frequency="Weekly", weekday=" SUN ", zone=" Europe/Berlin ", hour=" 07 ") == Schedule(
        frequency=Frequency.WEEKLY, weekday=6, zone="Europe/Berlin", hour=7
    )


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (["  graph \t\n nets "], ("graph nets",)),
        (["", "  ", ";", "a"], ("a",)),
        (["a; b", "c"], ("a", "b", "c")),
        (["Graphs", "b", "graphs", "GRAPHS"], ("Graphs", "b")),
        (["x" * 200], ("x" * 200,)),
        ([f"n{n}" for n in range(20)], tuple(f"n{n}" for n in range(20))),
        (["n"] * 21, ("n",)),
        (["=1+1", "-x", "@y", "naïve 漢字"], ("=1+1", "-x", "@y", "naïve 漢字")),
    ],
)
@pytest.mark.parametrize("field", ["interests", "include", "exclude"])
def test_texts_are_tidied(field: str, raw: list[str], read: tuple[str, ...]) -> None:
    """Blanks are folded, semicolons part, empty values and repeats go, the order stays."""
    found = profile(known_topics=(), **{field: raw})  # type: ignore[arg-type]  # the field's name is data
    assert getattr(found, field) == read


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (["author:Ada Nowak"], ("author:Ada Nowak",)),
        (["Author:  Ada   Nowak"], ("author:Ada Nowak",)),
        (["author: Ada", "AUTHOR:Ada"], ("author:Ada",)),
        (["authority"], ("authority",)),
    ],
)
def test_author_rules_have_one_form(raw: list[str], read: tuple[str, ...]) -> None:
    """`author:` in any case and spacing is one rule."""
    assert profile(known_topics=(), include=raw).include == read


def test_interests_may_speak_of_authors() -> None:
    """Only rules know the prefix: an interest is text."""
    assert profile(known_topics=(), interests=["author:"]).interests == ("author:",)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"topics": ["difusion"]}, ["topics", "'difusion'", "did you mean diffusion?"]),
        ({"topics": ["vision-3d"]}, ["did you mean Vision-3D?"]),
        ({"topics": ["zzz"]}, ["'zzz'", "there are Vision-3D, agents, diffusion, robotics, speech"]),
        ({"interests": ["x" * 201]}, ["interests", "201", "at most 200"]),
        ({"include": [f"n{n}" for n in range(21)]}, ["include", "21 values", "at most 20"]),
        ({"interests": ["a\0b"]}, ["interests", "'a\\x00b'", "control character"]),
        ({"exclude": ["a\ud800b"]}, ["exclude", "'a\\ud800b'", "control character"]),
        ({"include": ["a\u202eb"]}, ["include", "'a\\u202eb'", "control character"]),
        ({"include": ["a\u2066b"]}, ["include", "control character"]),
        ({"include": ["a\ufffdb"]}, ["include", "control character"]),
        ({"topics": ["x" * 60_000]}, ["topics", "'" + "x" * 40 + "'…"]),
        ({"exclude": ["author: "]}, ["exclude", "'author:'", "author:NAME"]),
        ({"cap": 0}, ["cap", "'0'", "from 1 to 50"]),
        ({"cap": 51}, ["'51'", "from 1 to 50"]),
        ({"cap": "-1"}, ["'-1'", "from 1 to 50"]),
        ({"cap": "ten"}, ["'ten'", "from 1 to 50"]),
        ({"cap": ""}, ["''", "from 1 to 50"]),
        ({"cap": "1_0"}, ["'1_0'"]),
        ({"cap": "٧"}, ["'٧'"]),
        ({"cap": "7.0"}, ["'7.0'"]),
        ({"cap": "9" * 5000}, ["'" + "9" * 40 + "'"]),
    ],
    ids=range(21),
)
def test_profile_refused(given: dict[str, object], words: list[str]) -> None:
    """The error names the field, the value and what is allowed."""
    with pytest.raises(PreferenceError) as caught:
        profile(known_topics=TOPICS, **given)  # type: ignore[arg-type]  # the field's name is data
    for word in words:
        assert word in str(caught.value)
    assert [caught.value.field] == list(given)
    assert str(caught.value) == f"{caught.value.field}: {caught.value.reason}"
    assert len(caught.value.reason) < 400, "what is wrong is not repeated at any length"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"frequency": "hourly"}, ["frequency", "'hourly'", "daily, weekdays, weekly"]),
        ({"weekday": "monday"}, ["weekday", "'monday'", "mon, tue, wed, thu, fri, sat, sun"]),
        ({"hour": 24}, ["hour", "'24'", "from 0 to 23"]),
        ({"hour": -1}, ["'-1'", "from 0 to 23"]),
        ({"zone": "europe/berlin"}, ["zone", "'europe/berlin'", "did you mean Europe/Berlin"]),
        ({"zone": "Berlin"}, ["did you mean", "Europe/Berlin"]),
        ({"zone": "Qqqqq"}, ["'Qqqqq'", "an IANA name such as Europe/Berlin"]),
        ({"zone": "localtime"}, ["'localtime'"]),
        ({"zone": "../etc/passwd"}, ["'../etc/passwd'"]),
        ({"zone": ""}, ["''"]),
        ({"zone": "\0\u202e" * 5000}, ["zone", "'\\x00\\u202e"]),
    ],
)
def test_schedule_refused(given: dict[str, object], words: list[str]) -> None:
    """The error names the field, the value and what is allowed."""
    with pytest.raises(PreferenceError) as caught:
        schedule(**given)  # type: ignore[arg-type]  # the field's name is data
    for word in words:
        assert word in str(caught.value)
    assert [caught.value.field] == list(given)
    assert len(caught.value.reason) < 400


@pytest.mark.parametrize(
    ("known", "hint"),
    [((), "there are none"), (tuple(f"t{n:02}" for n in range(13)), "t11 and 1 more")],
)
def test_topics_without_a_likeness_are_listed(known: tuple[str, ...], hint: str) -> None:
    """With nothing spelled alike, the error lists what there is, a dozen at most."""
    with pytest.raises(PreferenceError, match=hint):
        profile(known_topics=known, topics=["quantum"])


@pytest.mark.parametrize(("hour", "cap"), [(0, 1), (23, 50)])
def test_bounds_are_allowed(hour: int, cap: int) -> None:
    """The ends of each range belong to it."""
    assert schedule(hour=hour).hour == hour
    assert profile(known_topics=(), cap=cap).cap == cap


def test_zones_are_names_that_mean_the_same_everywhere() -> None:
    """UTC and the IANA names are there, the machine's own zone is not."""
    assert {"UTC", "Europe/Berlin", "Asia/Kathmandu"} <= zones()
    assert not {"localtime", "Factory"} & zones()


def test_every_error_at_once() -> None:
    """Each field is checked by itself: what can be is taken, what cannot be, or is not given, stays as it was."""
    wants, when = (
        Profile(topics=("speech",), exclude=("benchmark",), cap=5),
        Schedule(zone="Asia/Tokyo", hour=9),
    )
    given = {"topics": ["agents", "nothing"], "include": ["=1+1"], "cap": "51", "zone": "Mars", "hour": "8"}
    found = check(given, known_topics=TOPICS, wants=wants, when=when)
    assert found.profile == Profile(topics=("speech",), include=("=1+1",), exclude=("benchmark",), cap=5)
    assert found.schedule == Schedule(zone="Asia/Tokyo", hour=8)
    assert list(found.errors) == ["topics", "cap", "zone"]
    assert found.errors["cap"] == "'51' is not a whole number from 1 to 50"
    assert check({}, known_topics=(), wants=wants, when=when).errors == {}

"""What a person may choose, checked: raw values of the command, an import or a page come in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from digest.errors import PreferenceError
from digest.subscribers.subscriber import Frequency, Profile, Schedule

CAP_MIN, CAP_MAX = 1, 50
HOUR_MIN, HOUR_MAX = 0, 23
TEXTS_MAX = 20  #: interests, and rules of each kind
TEXT_MAX = 200  #: characters in one of them
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")  #: place is `date.weekday()`
AUTHOR = "author:"  #: starts a rule that means a name, not words
SEPARATOR = ";"  #: between values of a list in one text
PROFILE = ("topics", "interests", "include", "exclude", "cap")  #: fields of a profile
SCHEDULE = ("frequency", "weekday", "hour", "zone")  #: fields of a schedule

_NAMED = 12  # allowed values that an error lists at most
_SHOWN = 40  # characters of a value that an error repeats at most
#: Characters of Unicode's bidirectional algorithm (UAX 9): marks, embeddings, overrides and isolates.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was chosen, as far as it can be, and what is wrong with the rest."""

    profile: Profile
    schedule: Schedule
    errors: Mapping[str, str]  #: field -> what is wrong, in the order of the fields


def check(
    given: Mapping[str, Any], *, known_topics: Collection[str], wants: Profile, when: Schedule
) -> Checked:
    """Check every field by itself, so that a reader is told all errors at once.

    Args:
        given: Raw values by field, as `profile` and `schedule` take them.
        known_topics: Ids of the taxonomy.
        wants: Its values stand for fields that were not given, or cannot be.
        when: Likewise.
    """
    errors: dict[str, str] = {}
    for name in (*PROFILE, *SCHEDULE):
        if name not in given:
            continue
        one = {name: given[name]}
        try:
            if name in PROFILE:
                wants = replace(wants, **{name: getattr(profile(known_topics=known_topics, **one), name)})
            else:
                when = replace(when, **{name: getattr(schedule(**one), name)})
        except PreferenceError as error:
            errors[name] = error.reason
    return Checked(profile=wants, schedule=when, errors=errors)


def profile(
    *,
    known_topics: Collection[str],
    topics: Iterable[str] = (),
    interests: Iterable[str] = (),
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    cap: int | str | None = None,
) -> Profile:
    """What a reader wants, from raw values; None means the default.

    A text with semicolons is read as several. Blanks are folded, empty values dropped, and a value
    that differs from an earlier one in case alone counts once; the order stays.

    Args:
        known_topics: Ids of the taxonomy.
        topics: Ids, each in `known_topics`.
        interests: Free texts, at most 20 of 200 characters.
        include: Words, or `author:NAME`; as many.
        exclude: Of the same form; as many.
        cap: 1 to 50, as a number or its digits.

    Raises:
        PreferenceError: Names the field, the value and what is allowed.
    """
    return Profile(
        topics=_topics(topics, known_topics),
        interests=_texts("interests", interests),
        include=_rules("include", include),
        exclude=_rules("exclude", exclude),
        cap=_number("cap", Profile().cap if cap is None else cap, CAP_MIN, CAP_MAX),
    )


def schedule(
    *,
    frequency: str | None = None,
    weekday: str | None = None,
    zone: str | None = None,
    hour: int | str | None = None,
) -> Schedule:
    """When a reader is mailed, from raw values; None means the default.

    Args:
        frequency: daily, weekdays or weekly, in any case.
        weekday: mon to sun, in any case; counts for weekly alone, and is kept for the others.
        zone: IANA name, spelled as there.
        hour: 0 to 23, as a number or its digits.

    Raises:
        PreferenceError: Names the field, the value and what is allowed.
    """
    unset = Schedule()
    often = unset.frequency if frequency is None else frequency
    named = WEEKDAYS[unset.weekday] if weekday is None else weekday
    return Schedule(
        frequency=Frequency(_one_of("frequency", often, list(Frequency))),
        weekday=WEEKDAYS.index(_one_of("weekday", named, WEEKDAYS)),
        zone=_zone(unset.zone if zone is None else zone),
        hour=_number("hour", unset.hour if hour is None else hour, HOUR_MIN, HOUR_MAX),
    )


@cache
def zones() -> frozenset[str]:
    """The zones to choose from; without `localtime`, which means another one on each machine."""
    # Cached: it walks the zone folders, 3 ms each time.
    return frozenset(available_timezones() - {"Factory", "localtime"})


def _topics(values: Iterable[str], known: Collection[str]) -> tuple[str, ...]:
    chosen = _split(values)
    for topic in chosen:
        if topic not in known:
            raise PreferenceError("topics", f"{_quoted(topic)} is not a topic; {_hint(topic, known)}")
    return chosen


def _rules(field: str, values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_rule(field, text) for text in _texts(field, values)))


def _rule(field: str, text: str) -> str:
    if not text.casefold().startswith(AUTHOR):
        return text
    name = text[len(AUTHOR) :].strip()
    if not name:
        raise PreferenceError(field, f"{text!r} names nobody; write {AUTHOR}NAME")
    return AUTHOR + name


def _texts(field: str, values: Iterable[str]) -> tuple[str, ...]:
    texts = _split(values)
    for text in texts:
        if len(text) > TEXT_MAX:
            reason = f"{_quoted(text)} has {len(text)} characters; at most {TEXT_MAX} are allowed"
            raise PreferenceError(field, reason)
        if any(map(_is_no_text, text)):
            raise PreferenceError(field, f"{text!r} holds a control character; only text is allowed")
    if len(texts) > TEXTS_MAX:
        raise PreferenceError(field, f"{len(texts)} values; at most {TEXTS_MAX} are allowed")
    return texts


def _is_no_text(character: str) -> bool:
    """Neither engine stores NUL or a lone surrogate alike, and no paper is found by a control character.

    Those that turn the direction of writing would make a page show another rule than is stored; U+FFFD
    stands where a sender's bytes could not be read.
    """
    return unicodedata.category(character) in ("Cc", "Cs") or character in _TURNING or character == "\ufffd"


def _split(values: Iterable[str]) -> tuple[str, ...]:
    """The values without blanks around, empty ones and repeats; split here, so an export reads back alike."""
    kept: dict[str, str] = {}
    for value in values:
        for part in value.split(SEPARATOR):
            text = " ".join(part.split())
            if text:
                kept.setdefault(text.casefold(), text)
    return tuple(kept.values())


def _number(field: str, value: int | str, low: int, high: int) -> int:
    digits = str(value).strip()
    # Two digits hold every number that is allowed; int() alone takes `1_0` and foreign digits too.
    if not re.fullmatch(r"[0-9]{1,2}", digits) or not low <= int(digits) <= high:
        raise PreferenceError(field, f"{_quoted(digits)} is not a whole number from {low} to {high}")
    return int(digits)


def _one_of(field: str, value: str, allowed: Collection[str]) -> str:
    name = value.strip().casefold()
    if name not in allowed:
        raise PreferenceError(field, f"{_quoted(value)} is not one of {', '.join(allowed)}")
    return name


def _zone(value: str) -> str:
    name = value.strip()
    if name not in zones():
        near = _near(name, zones())
        hint = f"did you mean {near}?" if near else "give an IANA name such as Europe/Berlin"
        raise PreferenceError("zone", f"{_quoted(value)} is not a time zone; {hint}")
    return name


def _quoted(value: str) -> str:
    """A value as an error shows it: a form may send one of any length."""
    return f"{value[:_SHOWN]!r}…" if len(value) > _SHOWN else repr(value)


def _hint(value: str, allowed: Collection[str]) -> str:
    near = _near(value, allowed)
    if near:
        return f"did you mean {near}?"
    names = sorted(allowed)
    rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"there are {', '.join(names[:_NAMED])}{rest}" if names else "there are none"


def _near(value: str, allowed: Collection[str]) -> str:
    """Up to three allowed values that are spelled much alike, case aside; best first, "" where none is."""
    folded = {each.casefold(): each for each in sorted(allowed)}
    return " or ".join(folded[name] for name in get_close_matches(value.casefold()[:TEXT_MAX], folded))

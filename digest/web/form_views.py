"""What the form of the choices shows, built as far as it can be before any reader comes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any, Final

from digest.compose.views import weekday_date
from digest.rank.topics import Taxonomy
from digest.subscribers.preferences import HOUR_MAX, HOUR_MIN, WEEKDAYS, zones
from digest.subscribers.subscriber import Frequency, Profile, Schedule
from digest.web.forms import Choices, shown
from digest.web.views import FormView, GroupView, OptionView, TopicView

Options = tuple[OptionView, ...]

_FREQUENCIES: Final = {
    Frequency.DAILY: "Every day",
    Frequency.WEEKDAYS: "On weekdays",
    Frequency.WEEKLY: "Once a week",
}
_MONDAY = dt.date(2026, 11, 16)


class FormViews:
    """Makes form views of one taxonomy; only what a reader chose is built anew."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._groups = tuple(
            GroupView(
                id=group.id,
                label=group.label,
                topics=tuple(
                    TopicView(id=topic.id, label=topic.label, about=topic.about, chosen=False)
                    for topic in taxonomy.topics
                    if topic.group == group.id
                ),
            )
            for group in taxonomy.groups
        )

    def standing(self, profile: Profile, schedule: Schedule, *, guess_zone: bool = False) -> FormView:
        """The form as it stands before anything is sent."""
        return FormView(
            address="",
            groups=self._chosen(frozenset(profile.topics)),
            interests="\n".join(profile.interests),
            include="\n".join(profile.include),
            exclude="\n".join(profile.exclude),
            frequencies=_frequencies(schedule.frequency),
            weekdays=_weekdays(schedule.weekday),
            hours=_hours(schedule.hour),
            zones=_zones(schedule.zone),
            cap=str(profile.cap),
            guess_zone=guess_zone,
        )

    def sent(
        self, choices: Choices, *, address: str = "", errors: Mapping[str, str] | None = None
    ) -> FormView:
        """The form as it was sent, with the errors beside its fields.

        Args:
            choices: As they were read.
            address: As it was typed.
            errors: Of fields beside the choices, such as the address; they come first.
        """
        texts: dict[str, Any] = {name: shown(text) for name, text in choices.sent.items()}
        standing = self.standing(choices.profile, choices.schedule)
        return replace(standing, address=shown(address), errors={**(errors or {}), **choices.errors}, **texts)

    def _chosen(self, topics: frozenset[str]) -> tuple[GroupView, ...]:
        return tuple(
            replace(group, topics=tuple(replace(topic, chosen=topic.id in topics) for topic in group.topics))
            if any(topic.id in topics for topic in group.topics)
            else group
            for group in self._groups
        )


def weekday_name(day: dt.date) -> str:
    """As in `Monday`."""
    return weekday_date(day).partition(",")[0]


@cache
def _frequencies(chosen: Frequency) -> Options:
    return tuple(
        OptionView(value=each.value, label=label, chosen=each is chosen)
        for each, label in _FREQUENCIES.items()
    )


@cache
def _weekdays(chosen: int) -> Options:
    return tuple(
        OptionView(
            value=value, label=weekday_name(_MONDAY + dt.timedelta(days=number)), chosen=number == chosen
        )
        for number, value in enumerate(WEEKDAYS)
    )


@cache
def _hours(chosen: int) -> Options:
    return tuple(
        OptionView(value=str(hour), label=f"{hour:02}:00", chosen=hour == chosen)
        for hour in range(HOUR_MIN, HOUR_MAX + 1)
    )


@cache
def _zones(chosen: str) -> tuple[tuple[str, Options], ...]:
    """The zones by region, the chosen one among them whatever it is called; 600 names are all there can be."""
    regions = {"UTC": (OptionView(value="UTC", label="UTC", chosen=chosen == "UTC"),), **_regions()}
    region, _, place = chosen.partition("/")
    others = tuple(option for option in regions.get(region, ()) if option.value != chosen)
    own = OptionView(value=chosen, label=_place(place or region), chosen=True)
    regions[region] = tuple(sorted((*others, own), key=lambda option: option.label))
    return tuple(regions.items())


@cache
def _regions() -> dict[str, Options]:
    regions: dict[str, list[OptionView]] = {}
    for name in sorted(_current() & zones()):
        region, _, place = name.partition("/")
        regions.setdefault(region, []).append(OptionView(value=name, label=_place(place), chosen=False))
    return {region: tuple(sorted(held, key=lambda option: option.label)) for region, held in regions.items()}


def _place(name: str) -> str:
    """As in `Argentina: Buenos Aires`."""
    return name.replace("_", " ").replace("/", ": ")


def _current() -> frozenset[str]:
    """The zones that the IANA names for a place of today: without Etc/GMT+5, US/Pacific or Asia/Calcutta."""
    table = (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    return frozenset(line.split("\t")[2] for line in table.splitlines() if line[:1] not in ("", "#"))

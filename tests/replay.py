"""Two months of a trending page, replayed: days of dumps with the page's bad habits, and readers who change their minds.

Everything comes from a seed. What the real days lack is injected here: papers listed again with other votes, edited
abstracts and lost ids, an empty dump, one that comes twice, one that comes late.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from digest.subscribers.subscriber import Frequency, Profile, Schedule

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Asia/Kathmandu", "Australia/Lord_Howe")
HOURS = (0, 2, 7, 12, 18, 23)


@dataclass(frozen=True)
class Listed:
    """A paper on the page of one day."""

    arxiv_id: str
    title: str
    abstract: str
    votes: int


@dataclass(frozen=True)
class Arrival:
    """A dump and the moment it comes in."""

    at: dt.datetime
    name: str
    data: bytes


@dataclass(frozen=True)
class Reader:
    """A subscriber's plan for the two months."""

    address: str
    profile: Profile
    schedule: Schedule
    joins: dt.date
    pauses: tuple[dt.date, dt.date] | None = None
    moves: tuple[dt.date, Schedule] | None = None  #: from when on another zone or hour


def shared_days(folder: Path) -> dict[dt.date, list[Listed]]:
    """The 45 weekdays of 2024, as the API gave them."""
    return {
        dt.date.fromisoformat(path.stem): [
            Listed(
                row["paper"]["id"], row["paper"]["title"], row["paper"]["summary"], row["paper"]["upvotes"]
            )
            for row in json.loads(path.read_bytes())
        ]
        for path in sorted(folder.glob("2024-*.json"))
    }


def generated_days(number: int = 45, seed: int = 5) -> dict[dt.date, list[Listed]]:
    """Weekdays of the same kind with invented papers, for where the real ones are absent."""
    chance = random.Random(seed)
    subjects = (
        "diffusion",
        "language models",
        "robot arms",
        "speech",
        "agents",
        "graphs",
        "video",
        "quantization",
    )
    days: dict[dt.date, list[Listed]] = {}
    day, made = dt.date(2024, 9, 2), 0
    while len(days) < number:
        if day.weekday() < 5:
            days[day] = []
            for _ in range(chance.randint(2, 25)):
                made += 1
                subject = chance.choice(subjects)
                title = f"Result {made} on {subject} and {chance.choice(subjects)}"
                abstract = (
                    f"We study {subject}. Trial {made} improves on {subject} by {made % 37} points. " * 3
                )
                days[day].append(Listed(f"2409.{made:05d}", title, abstract.strip(), chance.randint(0, 90)))
        day += dt.timedelta(days=1)
    return days


def arrivals(days: dict[dt.date, list[Listed]], *, seed: int) -> list[Arrival]:
    """The dumps of these days in the order in which they come, with the page's bad habits."""
    chance = random.Random(seed)
    order = sorted(days)
    lost_day, twice_day, late_day = order[10], order[20], order[30]
    found: list[Arrival] = []
    again: list[Listed] = []
    for day in order:
        morning = dt.datetime.combine(day, dt.time(4, 30), dt.UTC)
        at = morning + dt.timedelta(days=2) if day == late_day else morning
        rows = days[day] + again
        dump = Arrival(at, f"{day}.json", _api(rows, day))
        found.append(dump)
        if day == twice_day:
            found.append(replace(dump, at=at + dt.timedelta(days=1)))
        if day == lost_day:
            found.append(Arrival(at + dt.timedelta(hours=3), f"{day}-empty.json", b"[]"))
        without_ids = [_edited(row, chance) for row in chance.sample(days[day], k=len(days[day]) // 3)]
        if without_ids:
            later = at + dt.timedelta(hours=26)
            found.append(Arrival(later, f"{day}-page.txt", _page(without_ids, later.date())))
        again = [_edited(row, chance) for row in chance.sample(days[day], k=-(-len(days[day]) // 3))]
    return sorted(found, key=lambda arrival: (arrival.at, arrival.name))


def readers(topic_ids: Sequence[str], days: Sequence[dt.date], *, number: int, seed: int) -> list[Reader]:
    """Readers of every frequency and several zones; some pause, some move, some come later."""
    chance = random.Random(seed)
    made = []
    for index in range(number):
        schedule = _schedule(chance)
        chosen = tuple(chance.sample(sorted(topic_ids), k=chance.randint(0, 6)))
        start = chance.randrange(5, 30)
        made.append(
            Reader(
                address=f"reader{index}@example.org",
                profile=Profile(topics=chosen, cap=chance.choice((3, 10, 25))),
                schedule=schedule,
                joins=days[0] if index % 4 else days[chance.randrange(1, 35)],
                pauses=(days[start], days[start + 8]) if index % 7 == 0 else None,
                moves=(days[start], _moved(schedule, chance)) if index % 5 == 0 else None,
            )
        )
    return made


def _schedule(chance: random.Random) -> Schedule:
    return Schedule(
        frequency=chance.choice((Frequency.DAILY, Frequency.DAILY, Frequency.WEEKDAYS, Frequency.WEEKLY)),
        weekday=chance.randrange(7),
        zone=chance.choice(ZONES),
        hour=chance.choice(HOURS),
    )


def _moved(schedule: Schedule, chance: random.Random) -> Schedule:
    if chance.random() < 0.5:
        return replace(schedule, zone=chance.choice(ZONES))
    return replace(schedule, hour=chance.choice(HOURS))


def _edited(row: Listed, chance: random.Random) -> Listed:
    abstract = (
        row.abstract + " A revised version adds an appendix." if chance.random() < 0.5 else row.abstract
    )
    return replace(row, votes=row.votes + chance.randint(-2, 40), abstract=abstract)


def _api(rows: Sequence[Listed], day: dt.date) -> bytes:
    return json.dumps(
        [
            {
                "paper": {
                    "id": row.arxiv_id,
                    "title": row.title,
                    "summary": row.abstract,
                    "upvotes": max(row.votes, 0),
                    "authors": [{"name": "Ada Example", "hidden": False}],
                    "publishedAt": f"{day}T00:00:00.000Z",
                },
                "publishedAt": f"{day}T07:00:00.000Z",
                "title": row.title,
                "numComments": 0,
            }
            for row in rows
        ]
    ).encode()


def _page(rows: Sequence[Listed], day: dt.date) -> bytes:
    """The same papers as a text scrape, which knows no ids."""
    head = [
        "new",
        "Get trending papers in your email inbox!",
        "Subscribe",
        "Daily Papers",
        f"{day:%b} {day.day}",
    ]
    body = [" ".join(text.split()) for row in rows for text in (row.title, row.abstract)]
    return "\n\n".join([*head, *body, ""]).encode()

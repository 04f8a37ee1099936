"""The three days and the three readers. All of it is invented: papers, people and addresses."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from digest.subscribers.subscriber import Frequency, Profile, Schedule

#: Monday to Wednesday; each has a dump in `dumps/`, named by its date.
DAYS = (dt.date(2026, 3, 2), dt.date(2026, 3, 3), dt.date(2026, 3, 4))
#: When the dump of a day comes and its edition is published, in UTC.
PRESS = dt.time(6, 0, tzinfo=dt.UTC)
#: The day after, on which the same dumps come again.
QUIET_DAY = DAYS[-1] + dt.timedelta(days=1)
#: When the hour of all readers has come, in UTC.
ALL_DUE = dt.time(13, 0, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One invented reader."""

    address: str
    taste: str  #: what they care about, in a few words
    profile: Profile
    schedule: Schedule

    @property
    def name(self) -> str:
        return self.address.partition("@")[0]


READERS = (
    Reader(
        address="vera@example.org",
        taste="images, video, and forests from above",
        profile=Profile(
            topics=("image-generation", "video-generation", "segmentation"),
            interests=("satellite images of forests",),
        ),
        schedule=Schedule(zone="Europe/Berlin", hour=7),
    ),
    Reader(
        address="lin@example.org",
        taste="language models and agents, no benchmarks",
        profile=Profile(
            topics=(
                "large-language-models",
                "llm-agents",
                "long-context",
                "instruction-tuning",
                "retrieval-augmented-generation",
                "information-retrieval",
            ),
            exclude=("benchmark",),
        ),
        schedule=Schedule(zone="Europe/London", hour=8),
    ),
    Reader(
        address="rosa@example.org",
        taste="robots, above all those that feel",
        profile=Profile(topics=("robotics",), interests=("tactile sensing",), cap=3),
        schedule=Schedule(frequency=Frequency.WEEKDAYS, zone="America/New_York", hour=7),
    ),
)

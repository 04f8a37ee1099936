"""What placing the sightings of a dump comes to, from its first batch to the switch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from digest.store.showing import Facts


@dataclass(slots=True)
class Change:
    """What placing the sightings of a dump comes to; kept in memory until the switch."""

    dump_id: int | None  #: None where a person's word is applied, and no dump
    new: int = 0
    revised: int = 0
    seen: int = 0
    made: set[int] = field(default_factory=set)  #: papers, hidden while the dump is being read
    fresh: set[int] = field(default_factory=set)  #: of these the ones of the last batch
    claimed: set[int] = field(default_factory=set)  #: papers whose names are settled
    touched: set[int] = field(default_factory=set)  #: known papers that must be decided again
    adopted: dict[str, int] = field(default_factory=dict)  #: arXiv id -> known paper that gains it
    strays: dict[str, int] = field(default_factory=dict)  #: title -> paper of its records without arXiv id
    #: Stored records of a title that go to a paper.
    moves: list[tuple[str, int]] = field(default_factory=list)
    left: dict[int, int] = field(default_factory=dict)  #: paper -> where its records without arXiv id went
    at: int = 0  #: position reached
    #: Papers of texts that a replay has taken back, to know them again under another title.
    by_text: Mapping[int, int] = field(default_factory=dict)
    #: What known papers are to show, as far as that was decided before the switch.
    decided: Facts = field(default_factory=dict)

    @property
    def moved(self) -> set[int]:
        """Papers that gain or lose records by the switch."""
        return {*self.left, *(paper for _title, paper in self.moves)}

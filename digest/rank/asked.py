"""The wishes of many readers side by side, and what papers meet of them: sums and names, without a loop over readers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digest.rank.meetings import Meetings


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What some readers wish for; a reader's wishes stand together, in the order of the readers."""

    counts: NDArray[np.int64]  #: wishes of each reader
    numbers: NDArray[np.int64]  #: of all wishes, reader by reader
    at: NDArray[np.int64]  #: where each of them stands among the distinct ones
    sizes: NDArray[np.int64]  #: papers that meet each distinct wish
    columns: NDArray[np.int64]  #: those papers, wish by wish
    strengths: NDArray[np.float64]  #: what each of them adds
    width: int  #: papers

    def totals(self) -> NDArray[np.float64]:
        """Add up, for each reader and paper, the strengths of the reader's wishes that the paper meets.

        A topic meets a tenth of the papers and an interest fewer, so only what is met is added: as one
        sum over (reader, paper) cells this takes half the time of a dense matrix product, and
        interests that each belong to one reader do not make the matrix wide.

        Returns:
            Sums of `scores.strength`, shape ``(readers, papers)``.
        """
        readers = len(self.counts)
        lengths = self.sizes[self.at]
        # Each wish of each reader becomes the run of its cells: where its run begins, less where it stands.
        begins = (np.cumsum(self.sizes) - self.sizes)[self.at] - (np.cumsum(lengths) - lengths)
        cells = np.repeat(begins, lengths) + np.arange(lengths.sum())
        rows = np.repeat(np.repeat(np.arange(readers) * self.width, self.counts), lengths)
        total = np.bincount(rows + self.columns[cells], self.strengths[cells], readers * self.width)
        return total.astype(np.float64, copy=False).reshape(readers, self.width)

    def meetings(
        self, rows: NDArray[np.int64], columns: NDArray[np.signedinteger[Any]], known: Meetings
    ) -> NDArray[np.int64]:
        """Name what papers meet of their reader's wishes.

        Args:
            rows: Readers, by their place here, shape ``(cells,)``.
            columns: The paper of each, same shape.
            known: Gives the names.

        Returns:
            For each cell the number of (paper, wishes that it meets, in the reader's order).
        """
        meets = np.zeros((len(self.sizes), self.width), dtype=np.bool_)
        meets[np.repeat(np.arange(len(self.sizes)), self.sizes), self.columns] = True
        begins = (np.cumsum(self.counts) - self.counts)[rows]
        counts = self.counts[rows]
        names = columns.astype(np.int64)
        for place in range(self.counts.max(initial=0)):
            asking = np.flatnonzero(counts > place)
            wishes = begins[asking] + place
            met = meets[self.at[wishes], columns[asking]]
            cells = asking[met]
            names[cells] = known.further(names[cells], self.numbers[wishes[met]])
        return names

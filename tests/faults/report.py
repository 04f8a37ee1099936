"""The page that a full run of the faults leaves behind: a table for each promise, whichever process ran its tests.

    KILLS = section("R1", "Senders killed with -9", ("seed", "kills", "lost"), about="What was done, and how.")
    KILLS.add(1, 30, 0)

Rows go into files of a folder that the run makes, and are joined when it ends: tests may run in several processes. A
run of everything rewrites REPORT.md; one of a part of the faults shows its tables and leaves the page alone; any other
keeps nothing.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter

PAGE = Path(__file__).with_name("REPORT.md")
#: Names the folder of the rows, for every process of the run.
_FOLDER = "FAULTS_REPORT_ROWS"
_BEGAN_S = pytest.StashKey[float]()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A table of one promise; it is shown if it has rows."""

    promise: str  #: such as R1
    title: str
    columns: tuple[str, ...]
    about: str  #: a paragraph before the table: what was done, what is counted

    def add(self, *cells: object) -> None:
        """Add a row: one cell for each column. Do so before its numbers are asserted, or a bad one is not seen."""
        assert len(cells) == len(self.columns), f"{self.promise} wants {self.columns}"
        folder = os.environ.get(_FOLDER)
        if folder is None:
            return
        line = {
            "promise": self.promise,
            "title": self.title,
            "columns": self.columns,
            "about": self.about,
            "row": [str(cell) for cell in cells],
        }
        with (Path(folder) / f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as rows:
            rows.write(json.dumps(line) + "\n")


def section(promise: str, title: str, columns: Sequence[str], *, about: str = "") -> Section:
    """Declare a table."""
    return Section(promise=promise, title=title, columns=tuple(columns), about=about)


def tables(folder: Path) -> str:
    """All rows of a folder as Markdown: promises by number, rows by their cells, numbers by their size."""
    found: dict[tuple[str, str], list[dict[str, list[str]]]] = {}
    for path in folder.glob("*.jsonl"):
        for text in path.read_text(encoding="utf-8").splitlines():
            line = json.loads(text)
            found.setdefault((line["promise"], line["title"]), []).append(line)
    parts = []
    for (promise, title), lines in sorted(found.items(), key=lambda item: _natural(item[0])):
        rows = sorted((line["row"] for line in lines), key=_natural)
        about = f"{lines[0]['about']}\n\n" if lines[0]["about"] else ""
        rule = ["---"] * len(lines[0]["columns"])
        table = "".join(_line(cells) for cells in (lines[0]["columns"], rule, *rows))
        parts.append(f"## {promise}: {title}\n\n{about}{table}")
    return "\n".join(parts)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"


def _natural(cells: Iterable[str]) -> list[list[tuple[int, str]]]:
    """Sorts R2 before R10."""
    return [
        [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in re.split(r"(\d+)", cell)]
        for cell in cells
    ]


_HEAD = """\
# Faults, and what they cost

Written by a run of all that is in `tests/faults` on {today:%Y-%m-%d}: Python {python}, SQLite {sqlite}, {cores} cores, in
{minutes:.0f} minutes. Of its tests {outcomes}. Each row was counted by its test; bars are asserted there.

"""


def page(body: str, outcomes: Mapping[str, Sequence[str]], *, lasted_s: float) -> str:
    """The whole page.

    Args:
        outcomes: Names of the tests by what came of them.
    """
    counts = ", ".join(f"{len(names)} {outcome}" for outcome, names in outcomes.items())
    head = _HEAD.format(
        today=dt.datetime.now(dt.UTC),
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
        cores=os.cpu_count(),
        minutes=lasted_s / 60,
        outcomes=counts or "none ran",
    )
    bad = [
        f"- {outcome}: `{name}`"
        for outcome, names in outcomes.items()
        if outcome != "passed"
        for name in names
    ]
    return head + "".join(f"{line}\n" for line in bad) + ("\n" if bad else "") + body


# -- the run ------------------------------------------------------------------------------------------


def is_of_faults(mark: str) -> bool:
    """Whether a selection by mark takes the faults."""
    return "faults" in re.sub(r"not\s+faults", "", mark)


def begin(config: pytest.Config) -> None:
    """Make the folder for the rows of a run with faults; processes that are started later inherit its name."""
    if is_of_faults(config.option.markexpr) and not _is_worker(config):
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="digest-faults-")
        config.stash[_BEGAN_S] = time.monotonic()


def end(reporter: TerminalReporter, config: pytest.Config) -> None:
    """Write the page after a full run, show the tables after a part of one."""
    if _is_worker(config) or _FOLDER not in os.environ:
        return
    folder = os.environ.pop(_FOLDER)
    body = tables(Path(folder))
    shutil.rmtree(folder)
    if body and is_whole(config):
        lasted_s = time.monotonic() - config.stash[_BEGAN_S]
        PAGE.write_text(page(body, _outcomes(reporter), lasted_s=lasted_s), encoding="utf-8")
        reporter.write_line(f"wrote {PAGE}")
    elif body:
        reporter.write_line(body)


def _is_worker(config: pytest.Config) -> bool:
    """Whether this is one of several processes, each of which summarises too."""
    return hasattr(config, "workerinput")


def is_whole(config: pytest.Config) -> bool:
    """Whether nothing is left out: neither files nor names."""
    asked = {Path(argument).resolve() for argument in config.args}
    whole = {PAGE.parent.resolve(), PAGE.parents[1].resolve()}
    less = config.option.keyword or config.option.ignore or config.option.deselect
    return not less and bool(asked) and asked <= whole


def _outcomes(reporter: TerminalReporter) -> dict[str, list[str]]:
    """Names of the tests of this folder by what came of them."""
    return {
        outcome: names
        for outcome in ("passed", "failed", "error", "skipped")
        if (
            names := [
                report.nodeid
                for report in reporter.stats.get(outcome, [])
                if report.nodeid.startswith("tests/faults/") and outcome in (report.outcome, "error")
            ]
        )
    }

"""What the demo tells at the terminal: short, in the order in which things happen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from digest.deliver.delivery import Status
from digest.demo.cast import ALL_DUE, DAYS, PRESS, QUIET_DAY, Reader
from digest.pipeline.ingest import DumpReport
from digest.pipeline.why import Funnel
from digest.rank.selection import Reason, ReasonKind, Stage
from digest.store.ledger import Balance

_STEPS = ("fetched", "new", "matched", "already_sent", "below_bar", "mailed")
#: Columns that the time of day takes at the left.
_MARGIN = 15
#: Columns that a reason may take from the titles beside it.
_REASON = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailed:
    """One paper of a digest that was sent."""

    title: str
    reasons: tuple[Reason, ...]


class Account:
    """Prints the demo's story to a console."""

    def __init__(self, console: Console, *, command: str = "digest") -> None:
        """Tell it to a console.

        Args:
            command: How the digest command is called here, for what to try next.
        """
        self._console = console
        self._command = command

    def begin(self, port: int) -> None:
        self._say(("The digest demo", "bold"))
        self._say("Three invented days for three invented readers: from the text of a page to mail in hand,")
        self._say(f"over real SMTP to 127.0.0.1:{port}. Nothing leaves this machine.")
        self._say("")

    def reader(self, reader: Reader) -> None:
        self._line(reader.name, f"{reader.taste}; {_when(reader)}")

    def day(self, day: dt.date, first: DumpReport, papers: int) -> None:
        self._date(day)
        found = [f"{first.new} new"]
        found += [f"{first.revised} revised"] if first.revised else []
        found += [f"{first.seen} seen before"] if first.seen else []
        name = Path(first.name).name
        self._line(f"{PRESS:%H:%M} UTC", f"{name} lists {first.records} papers: {', '.join(found)}.")
        self._line("", f"The edition of the day holds the {papers} new ones.")

    def quiet(self, waiting: int) -> None:
        self._date(QUIET_DAY)
        self._line(f"{PRESS:%H:%M} UTC", "The three dumps come once more: 0 new, 0 revised, so no edition.")
        self._line(f"{ALL_DUE:%H:%M} UTC", f"{waiting} readers are due, and none is mailed: nothing is new.")

    def served(self, reader: Reader, papers: Sequence[Mailed], leftover: int) -> None:
        self._say("")
        what = f"{len(papers)} papers mailed to {reader.name}"
        more = f"; {leftover} more matched, over the cap of {reader.profile.cap}" if leftover else ""
        self._line(_hour(reader), f"{what}{more}", style="cyan")
        rows = [(Text(paper.title), Text(_label(paper.reasons[0]), style="dim")) for paper in papers]
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        grid.add_column(no_wrap=True, overflow="ellipsis", width=min(max(len(r) for _, r in rows), _REASON))
        for row in rows:
            grid.add_row(*row)
        self._console.print(Padding(grid, (0, 0, 0, _MARGIN)))

    def why(self, address: str, funnel: Funnel) -> None:
        self._say("")
        self._say((f"Why did {address} get these on {funnel.date.day} {funnel.date:%B}?", "bold"))
        counts = (f"{step.replace('_', ' ')} {getattr(funnel, step)}" for step in _STEPS)
        self._say(" → ".join(counts))
        for placement in funnel.placements:
            if placement.stage in (Stage.MAILED, Stage.EXCLUDED):
                told = "; ".join(_in_words(reason) for reason in placement.reasons)
                self._line(str(placement.stage), placement.paper.title)
                self._line("", told, style="dim")

    def ledger(self, balance: Balance) -> None:
        self._say("")
        sent = balance.statuses[Status.SENT]
        self._say(("The ledger", "bold"))
        self._say(
            f"{balance.eligible} digests were due, {sent} sent; the ledger balances, "
            f"with a difference of {balance.difference}."
        )

    def end(self, out: Path, mails: Sequence[Path], *, base_url: str) -> None:
        self._say("")
        self._say(("Mails to open", "bold"))
        self._say("Each is there as .html for a browser, and as .eml, the bytes that went over the wire.")
        for mail in mails:
            self._say(f"  {mail.with_suffix('.html')}")
        with_settings = f"{self._command} --config {out / 'digest.toml'}"
        self._say("")
        self._say(("To look around", "bold"))
        for rest in (
            f"why lin@example.org --on {DAYS[1]}",
            "papers search grasping",
            f"edition show {DAYS[2]}",
            "status",
        ):
            self._say(f"  {with_settings} {rest}")
        self._say("")
        self._say(("To see the pages, and follow the links of these mails", "bold"))
        self._say(f"  {with_settings} serve")
        self._say(f"  then open {base_url}; new mails are written to {out / 'data' / 'outbox'}")

    def _date(self, day: dt.date) -> None:
        self._say("")
        self._say((f"{day:%A}, {day.day} {day:%B %Y}", "bold"))

    def _say(self, *parts: str | tuple[str, str]) -> None:
        # Paths and commands are to be copied: they are never folded.
        self._console.print(Text.assemble(*parts), soft_wrap=True)

    def _line(self, at: str, text: str, *, style: str = "") -> None:
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=_MARGIN - 1, no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(Text(at, style=style), Text(text, style=style))
        self._console.print(grid)


def _when(reader: Reader) -> str:
    return f"{reader.schedule.frequency} at {_hour(reader)}"


def _hour(reader: Reader) -> str:
    city = reader.schedule.zone.rpartition("/")[2].replace("_", " ")
    return f"{reader.schedule.hour:02}:00 {city}"


def _label(reason: Reason) -> str:
    if reason.kind is ReasonKind.TRENDING:
        return "trending"
    return f"“{reason.label}”" if reason.kind is ReasonKind.INTEREST else reason.label


def _in_words(reason: Reason) -> str:
    """A reason with the words of the paper that met it, unless they are the reason's own."""
    label = _label(reason)
    words = dict.fromkeys(word.lower() for word in reason.words)
    return f"{label}: {', '.join(words)}" if words and [*words] != [reason.label.lower()] else label

"""What is held up against what, and how far it has to come."""

from __future__ import annotations

from dataclasses import dataclass

from digest.bench.contenders import FLOOR, FLOOR_PLAIN, NODEMAILER, PIPELINE, PLAIN, RSA, SIGNED, SOURCE
from digest.bench.delivery import Measured
from digest.bench.planning import SCORING, SELECT
from digest.bench.slow import EACH, KEPT, ONE

#: Rates against rates: by the name of a ratio, which two, and how many times as fast the first has to be.
_RATES: dict[str, tuple[str, str, float | None]] = {
    "rsa_vs_floor": (RSA, FLOOR, 0.75),
    "rsa_vs_b": (RSA, SIGNED, 30.0),
    "plain_vs_smtp_source": (PLAIN, SOURCE, 0.85),
    "plain_vs_a": (PLAIN, PIPELINE, 30.0),
    "plain_vs_floor": (PLAIN, FLOOR_PLAIN, None),
    "rsa_vs_nodemailer": (RSA, NODEMAILER, None),
}
#: The same at the relay that is slow to answer.
_SLOW: dict[str, tuple[str, float | None]] = {
    "slow_vs_smtplib": (KEPT, 3.0),
    "slow_vs_smtplib_per_mail": (EACH, None),
    "slow_vs_smtplib_one": (ONE, None),
}
_WORDS = {
    "rsa_vs_floor": "ours with RSA, of the floor",
    "rsa_vs_b": "ours with RSA, times b",
    "plain_vs_smtp_source": "ours without DKIM, of smtp-source",
    "plain_vs_a": "ours without DKIM, times a",
    "plain_vs_floor": "ours without DKIM, of the floor without",
    "rsa_vs_nodemailer": "ours with RSA, times nodemailer",
    "slow_vs_smtplib": "slow relay: ours, times smtplib over as many connections",
    "slow_vs_smtplib_per_mail": "slow relay: times smtplib, as many threads, a connection a mail",
    "slow_vs_smtplib_one": "slow relay: times smtplib over one connection",
}
#: Of a process that plans and delivers, and of what the many readers add, in bytes.
_PEAK_BYTES, _MORE_BYTES = 160_000_000, 10_000_000
_PLANNING = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing found, beside its bar."""

    words: str
    found: str
    bar: str  #: "" where there is none
    met: bool | None  #: None without a bar


def ratios(measured: Measured) -> dict[str, float | None]:
    """All ratios by name; None where a side was not measured."""
    found = {name: measured.ratio(ours, other) for name, (ours, other, _) in _RATES.items()}
    slow = measured.slow
    return found | {name: slow.ratio(other) if slow else None for name, (other, _) in _SLOW.items()}


def lines(measured: Measured) -> list[Line]:
    """What was found, each beside its bar, in words."""
    least = {name: bar for name, (_, _, bar) in _RATES.items()} | {
        name: bar for name, (_, bar) in _SLOW.items()
    }
    found = [
        _ratio(name, ratio, least[name]) for name, ratio in ratios(measured).items() if ratio is not None
    ]
    if measured.memory is not None:
        few, many = measured.memory.readers
        found.append(_bytes(f"peak memory, {many:,} readers", measured.memory.peaks[1], _PEAK_BYTES))
        found.append(_bytes(f"more than with {few:,} readers", measured.memory.more_bytes, _MORE_BYTES))
    if measured.planning is not None:
        cost = measured.planning.ratio(SELECT, SCORING)
        words = "choosing everyone's papers, times the scoring alone"
        found.append(
            Line(words=words, found=f"{cost:.2f}", bar=f"at most {_PLANNING:g}", met=cost <= _PLANNING)
        )
    return found


def _ratio(name: str, ratio: float, least: float | None) -> Line:
    return Line(
        words=_WORDS[name],
        found=f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}",
        bar="" if least is None else f"at least {least:g}",
        met=None if least is None else ratio >= least,
    )


def _bytes(words: str, size: int, most: int) -> Line:
    return Line(
        words=words, found=f"{size / 1e6:,.0f} MB", bar=f"at most {most / 1e6:,.0f} MB", met=size <= most
    )

"""`digest bench planning` at a small size: what it measures agrees. Its times are for operators, not for tests."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog
from typer.testing import CliRunner

from digest.bench import planning
from digest.bench.planning import NAIVE, SCORING, SELECT, Options, measure
from digest.bench.sink import BenchError
from digest.cli.app import app
from digest.rank.ranker import select
from digest.rank.topics import parse
from digest.settings import packaged

SMALL = ["--readers", "60", "--papers", "30", "--rounds", "2", "--sample", "20"]


@pytest.fixture(autouse=True)
def _log_is_put_back() -> Iterator[None]:
    """A command sends its log to its own standard error, which is closed when the command is over."""
    yield
    structlog.reset_defaults()


def test_both_are_measured_in_each_round() -> None:
    """Each round measures the scoring alone, then the whole choice; the plain loop is timed once."""
    told: list[tuple[int, str]] = []
    options = Options(readers=60, papers=30, rounds=2, sample=20)
    measured = measure(options, on_seconds=lambda number, name, _seconds: told.append((number, name)))
    assert told == [(number, name) for number in (1, 2) for name in (SCORING, SELECT)]
    assert {name: len(seconds) for name, seconds in measured.seconds.items()} == {
        SCORING: 2, SELECT: 2, NAIVE: 1,
    }  # fmt: skip
    assert measured.compared == 20
    assert measured.picks > 60
    assert measured.ratio(SELECT, SELECT) == 1


def test_fewer_papers_than_a_digest_holds() -> None:
    """Three papers, and fewer readers than the sample asks for, are measured too."""
    measured = measure(Options(readers=7, papers=3, rounds=1, sample=100))
    assert measured.compared == 7
    assert measured.picks <= 21


def test_what_is_invented_is_like_the_real_thing() -> None:
    """Papers meet one topic or more, two to three on average; readers differ, and have rules and interests too."""
    taxonomy = parse((packaged("config") / "topics.toml").read_text(encoding="utf-8"))
    papers = list(planning.invented_papers(taxonomy, 200))
    met = [len(taxonomy.match(paper.title, paper.abstract)) for paper in papers]
    assert min(met) >= 1
    assert 2 <= sum(met) / len(met) <= 3
    profiles = list(planning.invented_profiles(taxonomy, 1_000))
    assert len(set(profiles)) > 900
    assert {len(profile.topics) for profile in profiles} == {3}
    had = Counter(name for p in profiles for name in ("interests", "include", "exclude") if getattr(p, name))
    assert had == {"interests": 100, "include": 50, "exclude": 50}
    assert {profile.cap for profile in profiles} == set(range(5, 11))


def test_one_reader_who_gets_something_else() -> None:
    """A time counts only if the plain loop agrees; the error names the profile on which it does not."""
    taxonomy = parse((packaged("config") / "topics.toml").read_text(encoding="utf-8"))
    papers = list(planning.invented_papers(taxonomy, 30))
    profiles = list(planning.invented_profiles(taxonomy, 10))
    chosen = select(papers, profiles, taxonomy, mailed=[()] * 10)
    plain, _ = planning.naive(papers, profiles, taxonomy)
    planning.check(profiles, chosen, plain)
    chosen[4] = replace(chosen[4], leftover=chosen[4].leftover + 1)
    with pytest.raises(BenchError, match=profiles[4].topics[0]):
        planning.check(profiles, chosen, plain)


def test_machine_contract() -> None:
    """`--json` prints one document with the keys that scripts rely on."""
    result = CliRunner().invoke(app, ["bench", "planning", *SMALL, "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert set(document) == {"rounds", "readers", "papers", "picks", "compared", "seconds", "ratios"}
    assert (document["readers"], document["papers"], document["compared"]) == (60, 30, 20)
    assert set(document["seconds"]) == {"scoring", "select", "naive"}
    assert all(low <= median <= high for low, median, high in document["seconds"].values())
    assert set(document["ratios"]) == {"select_vs_scoring", "naive_vs_select"}


def test_told_to_people() -> None:
    """The table names what was measured, and the lines below it the ratios."""
    result = CliRunner().invoke(app, ["bench", "planning", *SMALL])
    assert result.exit_code == 0, result.output
    for words in (
        "NumPy scoring alone",
        "times the scoring alone",
        "60 readers x 30 papers",
        "for 20 readers",
    ):
        assert words in result.stdout

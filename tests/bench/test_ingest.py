"""`digest bench ingest` at a small size: every format is read whole. Its rates are for operators, not for tests."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog
from typer.testing import CliRunner

from digest.bench.documents import LAYOUTS, document, sized
from digest.cli.app import app
from digest.ingest.formats import FORMATS, read
from digest.ingest.record import Record
from tests.conftest import MakeUrl


@pytest.fixture(autouse=True)
def _log_is_put_back() -> Iterator[None]:
    """A command sends its log to its own standard error, which is closed when the command is over."""
    yield
    structlog.reset_defaults()


def test_machine_contract(make_postgresql_url: MakeUrl) -> None:
    """Each format has its rates, and each engine a small store and a large one, with ratios between them."""
    size = ["--megabytes", "0.05", "--rounds", "2", "--records", "30", "--stored", "40,80"]
    result = CliRunner().invoke(
        app, ["bench", "ingest", *size, "--postgresql", make_postgresql_url(), "--json"]
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert set(found) == {"rounds", "megabytes", "formats", "engines"}
    assert set(found["formats"]) == set(LAYOUTS)
    for rates in found["formats"].values():
        for step in ("splitlines", "read", "clean"):
            low, median, high = rates[f"{step}_mb_per_s"]
            assert 0 < low <= median <= high
        assert rates["records_per_s"] > 0
        assert set(rates["ratios"]) == {"read_vs_splitlines", "clean_vs_splitlines"}
    assert set(found["engines"]) == {"sqlite", "postgresql"}
    for engine in found["engines"].values():
        assert [(store["stored"], store["records"]) for store in engine["stores"]] == [(40, 30), (80, 30)]
        assert engine["ratios"]["large_vs_small"] > 0


def test_every_format_is_measured() -> None:
    """The bench lays out each format that this program reads, but for those that another stands for."""
    assert set(FORMATS) - set(LAYOUTS) == {"atom"}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout_is_read_as_what_it_is(name: str) -> None:
    """A document of the bench is read as its format, and gives each paper with an abstract."""
    data, papers = sized(name, size_bytes=20_000)
    reading = read(data)
    records = [item for item in reading.items if isinstance(item, Record)]
    assert (reading.format, len(records)) == (name, papers)
    assert all(record.abstract for record in records)
    assert len({record.title for record in records}) == papers


def test_documents_share_no_paper() -> None:
    """Papers of different numbers differ in title and id, so that each round stores new ones."""
    records = [
        item
        for first in (0, 40)
        for item in read(document("daily-papers-json", papers=40, first=first)).items
        if isinstance(item, Record)
    ]
    assert len({record.arxiv_id for record in records}) == len({record.title for record in records}) == 80


@pytest.mark.parametrize("given", ["10", "a,b", "5,5", "1,2,3"])
def test_sizes_that_cannot_be(given: str) -> None:
    """Two different numbers are asked for, in words."""
    result = CliRunner().invoke(app, ["bench", "ingest", "--stored", given])
    assert result.exit_code != 0
    assert "number" in str(result.exception)

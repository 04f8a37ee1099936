"""`digest bench delivery` at a small size: what it measures adds up. Its times are for operators, not for tests."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from digest.bench import delivery, floor, sites
from digest.bench.delivery import FLOOR, PIPELINE, PLAIN, SOURCE, Options, measure
from digest.bench.plain import PlainPipeline
from digest.bench.sink import BenchError, program, sink
from digest.cli.app import app
from digest.deliver.delivery import Status
from digest.relay.session import _wire_bytes
from digest.settings import packaged
from digest.store.ledger import Balance

SMALL = ["--readers", "40", "--rounds", "1", "--connections", "3", "--pipeline-mails", "2"]


@pytest.fixture(autouse=True)
def _log_is_put_back() -> Iterator[None]:
    """A command sends its log to its own standard error, which is closed when the command is over."""
    yield
    structlog.reset_defaults()


needs_sink = pytest.mark.skipif(
    program("smtp-sink") is None, reason="needs smtp-sink (Debian package postfix)"
)


@needs_sink
def test_all_are_measured_in_each_round() -> None:
    """Each round measures the floor, ours, the plain pipeline and smtp-source, in this order."""
    told: list[tuple[int, str]] = []
    options = Options(readers=40, rounds=2, connections=3, pipeline_mails=2)
    measured = measure(options, on_rate=lambda number, name, _rate: told.append((number, name)))
    names = [FLOOR, PLAIN, PIPELINE, *([SOURCE] if program("smtp-source") else [])]
    assert told == [(number, name) for number in (1, 2) for name in names]
    assert {name: len(rates) for name, rates in measured.rates.items()} == dict.fromkeys(names, 2)
    assert 30_000 < measured.message_bytes < 64_000
    assert measured.ratio(PLAIN, PLAIN) == 1
    assert measured.ratio(PLAIN, "unknown") is None


@needs_sink
def test_machine_contract() -> None:
    """`--json` prints one document with the keys that scripts rely on; what needs DKIM is null."""
    result = CliRunner().invoke(app, ["bench", "delivery", *SMALL, "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert set(document) == {
        "rounds", "readers", "connections", "message_bytes", "rates", "ratios", "peak_rss_bytes",
    }  # fmt: skip
    assert (document["rounds"], document["readers"], document["connections"]) == (1, 40, 3)
    assert all(low <= median <= high for low, median, high in document["rates"].values())
    assert set(document["ratios"]) == {
        "plain_vs_floor", "plain_vs_a", "plain_vs_smtp_source", "rsa_vs_b", "rsa_vs_floor",
    }  # fmt: skip
    assert (document["ratios"]["rsa_vs_b"], document["ratios"]["rsa_vs_floor"]) == (None, None)


@needs_sink
def test_told_to_people() -> None:
    """The table names each rate, the ratios and the size of a message."""
    result = CliRunner().invoke(app, ["bench", "delivery", *SMALL])
    assert result.exit_code == 0, result.output
    for words in (
        "of the floor",
        "times the plain pipeline",
        "ours, ledger included",
        "bytes, 3 connections",
    ):
        assert words in result.stdout


def test_without_smtp_sink(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where smtp-sink is missing, the error names the package that has it."""
    monkeypatch.setattr("digest.bench.sink.program", lambda _name: None)
    with pytest.raises(BenchError, match="Debian package postfix"), sink():
        pass


@needs_sink
def test_same_digests(tmp_path: Path) -> None:
    """Ours and the plain pipeline mail the same papers to the same reader under the same subject."""
    with sink() as port:
        site = sites.build(tmp_path, port=port, readers=12, connections=2)
    day = delivery.FIRST_DAY
    site.plan(day)
    planned = site.planned(day, 12)
    pipeline = PlainPipeline(site, packaged("templates") / "email")
    for digest, ready in zip(planned, site.ready(day, 12), strict=True):
        ours = email.message_from_bytes(ready.data, policy=email.policy.default)
        theirs = pipeline.message(digest)
        assert isinstance(ours, EmailMessage)
        # What the composer vouches for, the relay would have found so.
        assert ready.sound
        assert _wire_bytes(ready) == _wire_bytes(replace(ready, sound=False))
        for header in ("To", "Subject", "Message-ID", "Date"):
            assert ours[header] == theirs[header]
        assert _text(ours).split() == _text(theirs).split()
    assert len({digest.picks for digest in planned}) == 12
    assert all(len(digest.picks) == sites.PAPERS for digest in planned)


@needs_sink
def test_ledger_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rate counts only if every digest was sent; the ledger after a round says so."""
    with sink() as port:
        site = sites.build(tmp_path, port=port, readers=5, connections=2)
        site.plan(delivery.FIRST_DAY)
        site.deliver()
    assert site.balance().statuses[Status.SENT] == 5
    delivery.check(site, planned=5)
    with pytest.raises(BenchError, match="of 6 digests 5 were sent"):
        delivery.check(site, planned=6)
    monkeypatch.setattr(sites.Site, "balance", lambda _site: Balance(eligible=6, statuses={Status.SENT: 5}))
    with pytest.raises(BenchError, match="of 5 digests 5 were sent"):
        delivery.check(site, planned=5)


def test_relay_that_is_gone(tmp_path: Path) -> None:
    """The floor fails where a message was not taken, and smtp-source where it reaches nobody."""
    site = sites.build(tmp_path, port=1, readers=2, connections=2)
    site.plan(delivery.FIRST_DAY)
    with pytest.raises(BenchError, match="of 3 messages smtp-sink took 0"):
        floor.send(site.app.relay, site.ready(delivery.FIRST_DAY, 2), 3, 2)


def test_seeds(tmp_path: Path) -> None:
    """Papers come from the dumps named; a folder without papers is refused, and so is a database in use."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(BenchError, match="no dump with papers"):
        sites.build(tmp_path / "a", port=1, readers=1, connections=1, seeds=tmp_path / "empty")
    used = f"sqlite:///{tmp_path / 'a' / 'digest.db'}"
    with pytest.raises(BenchError, match="in use"):
        sites.build(tmp_path / "b", port=1, readers=1, connections=1, database_url=used)


def _text(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())

"""digest links: a new key, beside the old ones."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from tests.cli.conftest import Run


def test_rotate(run: Run, site: Path) -> None:
    """A key is added; the answer says how many there are, from when on it signs, and that old links go on working."""
    first = run("links", "rotate", "--json")
    assert first.code == 0, first.err
    assert set(first.json) == {"keys", "signs_from"}
    assert first.json["keys"] == 2  # one had been there from the start
    assert dt.datetime.fromisoformat(first.json["signs_from"]).tzinfo is not None
    told = run("links", "rotate")
    assert told.code == 0
    assert told.out.startswith("3 keys. The new one signs the links of mail planned from 20")
    assert "Links sent before go on working." in told.out.replace("\n", " ")


def test_rotating_shows_no_key(run: Run, site: Path) -> None:
    """The secrets stay in the database: a terminal is read over shoulders, and kept in logs."""
    told = [run("links", "rotate", *more) for more in ((), ("--json",))]
    assert max(len(word) for done in told for word in (done.out + done.err).split()) < 40

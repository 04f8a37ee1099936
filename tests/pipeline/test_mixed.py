"""All real dumps together, of every kind that there is: the same papers in any order, each known under all its names."""

from __future__ import annotations

import datetime as dt
import random
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.pipeline.ingest import DumpReport, IngestOptions, ingest
from digest.sources.dump import RawDump
from digest.store import papers
from digest.store.database import Database
from digest.store.papers import Paper
from digest.store.schema import dumps, sightings
from tests.factories import NOW

#: When the files without a date of their own are said to have been written.
WRITTEN = dt.datetime(2024, 9, 1, tzinfo=dt.UTC)

Content = list[tuple[object, ...]]


def real_dumps(shared_data: Path) -> list[RawDump]:
    """Five texts, one HTML page, one rendering, and fifty days of the API."""
    paths = [*sorted((shared_data / "dumps").iterdir()), *sorted((shared_data / "hf_api").glob("*.json"))]
    assert len(paths) == 57
    return [RawDump(name=path.name, data=path.read_bytes(), modified_at=WRITTEN) for path in paths]


def filled(path: Path, template: Path, found: list[RawDump]) -> tuple[Database, list[DumpReport]]:
    shutil.copyfile(template, path)
    database = Database(f"sqlite:///{path}")
    return database, list(ingest(database, found, now=NOW, options=IngestOptions(as_new=True)))


def content(database: Database) -> Content:
    """Everything that is known of the papers, but for their ids, which no two stores share."""
    with database.read() as conn:
        return sorted((_known(paper) for paper in papers.every(conn)), key=repr)


def _known(paper: Paper) -> tuple[object, ...]:
    return tuple(getattr(paper, name) for name in Paper.__slots__ if name not in ("id", "edition_id"))


def test_three_orders_give_the_same_papers(shared_data: Path, sqlite_template: Path, tmp_path: Path) -> None:
    """57 real dumps of five formats give the same papers, with the same text and facts, in any order."""
    found = real_dumps(shared_data)
    database, reports = filled(tmp_path / "sorted.db", sqlite_template, found)
    assert {report.status for report in reports} == {"stored"}
    formats = {"text-a", "text-b", "papers-page-html", "rendering", "daily-papers-json"}
    assert {report.format for report in reports} == formats
    expected = content(database)
    database.close()
    for seed in (1, 2, 3):
        shuffled = random.Random(seed).sample(found, len(found))
        other, _ = filled(tmp_path / f"{seed}.db", sqlite_template, shuffled)
        assert content(other) == expected, f"order {seed}"
        other.close()


def test_both_engines_give_the_same_papers(
    database: Database, shared_data: Path, sqlite_template: Path, tmp_path: Path
) -> None:
    """What one engine makes of all real dumps, the other makes of them in another order."""
    found = real_dumps(shared_data)
    other, _ = filled(tmp_path / "other.db", sqlite_template, found)
    list(ingest(database, found[::-1], now=NOW, options=IngestOptions(as_new=True)))
    assert content(database) == content(other)
    other.close()


@pytest.fixture
def all_real(shared_data: Path, sqlite_template: Path, tmp_path: Path) -> Database:
    database, _ = filled(tmp_path / "all.db", sqlite_template, real_dumps(shared_data))
    return database


def test_texts_are_linked_to_records_with_ids(all_real: Database) -> None:
    """Seven papers of the text scrapes stand in other dumps as well, by their titles: six in the API's, one in the page."""
    kind = sa.case((dumps.c.format.startswith("text-"), "text"), else_=dumps.c.format)
    with all_real.read() as conn:
        rows = conn.execute(
            sa.select(sightings.c.paper_id, kind).join(dumps, dumps.c.id == sightings.c.dump_id).distinct()
        ).all()
    kinds: dict[int, set[str]] = {}
    for paper, name in rows:
        kinds.setdefault(paper, set()).add(name)
    linked = sorted(",".join(sorted(names)) for names in kinds.values() if "text" in names and len(names) > 1)
    assert linked == ["daily-papers-json,text"] * 6 + ["papers-page-html,text"]
    all_real.close()


def test_no_paper_holds_two_ids(all_real: Database) -> None:
    """No two records of different arXiv ids are one paper."""
    ids = sa.func.count(sightings.c.arxiv_id.distinct())
    with all_real.read() as conn:
        most = conn.scalar(sa.select(ids).group_by(sightings.c.paper_id).order_by(ids.desc()).limit(1))
    assert most == 1
    all_real.close()

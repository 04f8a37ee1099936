"""digest papers list|search|show|merge|split|joins|diff."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console

from digest.cli import paper_diff, paper_history
from digest.cli.app import Json, parse_date, session
from digest.cli.output import emit, moment, plain, plural, table
from digest.errors import UsageError
from digest.pipeline import joins as identity
from digest.pipeline.diff import diff as compare
from digest.pipeline.history import history
from digest.rank.topics import Taxonomy
from digest.store import papers
from digest.store.papers import Join, Paper

group = typer.Typer(name="papers", no_args_is_help=True, help="What the store knows.")

#: The largest id that a database could hold.
_LARGEST = 2**63 - 1
_Id = Annotated[int, typer.Argument(metavar="ID", min=1, max=_LARGEST)]


@group.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[int | None, typer.Option(min=1, help="Print this many at most.")] = None,
    json: Json = False,
) -> None:
    """All papers, by id."""
    wired = session(context).app(read_only=True)
    with wired.database.read() as conn:
        found = list(papers.every(conn))
    _emit(found[:limit], len(found), wired.taxonomy, json)


@group.command()
def search(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(help="Each must stand in the title or the abstract.")],
    json: Json = False,
) -> None:
    """Papers that hold all of the words."""
    wired = session(context).app(read_only=True)
    with wired.database.read() as conn:
        found = list(papers.search(conn, " ".join(words)))
    _emit(found, len(found), wired.taxonomy, json)


@group.command()
def show(context: typer.Context, paper_id: _Id, json: Json = False) -> None:
    """One paper, whole: what is known of it and from whom, its counts day by day, and what happened to it."""
    wired = session(context).app(read_only=True)
    with wired.database.read() as conn:
        told = history(conn, paper_id)
    if told is None:
        raise UsageError(f"there is no paper {paper_id}")
    shown = _document(told.paper, wired.taxonomy)
    emit(json, shown | paper_history.document(told), lambda console: paper_history.show(console, shown, told))


@group.command()
def merge(
    context: typer.Context,
    paper_id: _Id,
    into_id: Annotated[int, typer.Argument(metavar="INTO", min=1, max=_LARGEST)],
    json: Json = False,
) -> None:
    """Say that one paper is another, INTO; later dumps and every replay keep to it."""
    wired = session(context).app()
    _emit_one(identity.merge(wired.database, paper_id, into_id, now=wired.clock()), wired.taxonomy, json)


@group.command()
def split(
    context: typer.Context,
    paper_id: _Id,
    text: Annotated[
        str | None,
        typer.Option(
            metavar="HASH", help="Make this text of it a paper of its own; `papers show` lists them."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Take a merge of ID back, or a text out of ID; later dumps and every replay keep to it."""
    wired = session(context).app()
    if text is None:
        found = identity.unmerge(wired.database, paper_id)
    else:
        found = identity.split(wired.database, paper_id, text, now=wired.clock())
    _emit_one(found, wired.taxonomy, json)


@group.command()
def joins(context: typer.Context, json: Json = False) -> None:
    """What persons have said of identity, oldest first."""
    wired = session(context).app(read_only=True)
    with wired.database.read() as conn:
        found = papers.joins(conn)

    def human(console: Console) -> None:
        rows = [(moment(join.at), join.kind, join.paper_id, _what(join)) for join in found]
        console.print(table("", ("when", "what", "paper", "into or text"), rows))

    emit(json, {"joins": [_join(join) for join in found]}, human)


@group.command()
def diff(
    context: typer.Context,
    day: Annotated[
        str | None,
        typer.Option(
            metavar="DATE", help="Only what the dumps of this date, or that came on it, would change."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """What a replay with today's readers would change; nothing is written."""
    wired = session(context).app(read_only=True)
    found = compare(wired.database, day=None if day is None else parse_date(day))
    emit(json, paper_diff.document(found), lambda console: paper_diff.show(console, found))


def _emit(found: list[Paper], total: int, taxonomy: Taxonomy, json: bool) -> None:
    def human(console: Console) -> None:
        rows = [(p.id, p.first_seen, p.votes, p.arxiv_id, p.title) for p in found]
        console.print(table("", ("id", "first seen", "votes", "arXiv", "title"), rows))
        console.print(f"{plural(total, 'paper')}.")

    emit(json, {"papers": [_document(paper, taxonomy) for paper in found]} if json else None, human)


def _emit_one(paper: Paper, taxonomy: Taxonomy, json: bool) -> None:
    emit(
        json,
        _document(paper, taxonomy),
        lambda console: console.print(f"Paper {paper.id}: {plain(paper.title)}"),
    )


def _document(paper: Paper, taxonomy: Taxonomy) -> dict[str, Any]:
    return {
        "id": paper.id,
        "title": paper.title,
        "abstract": paper.abstract,
        "summary": paper.details.summary,
        "authors": list(paper.authors),
        "arxiv_id": paper.arxiv_id,
        "doi": paper.doi,
        "url": paper.url,
        "project_url": paper.details.project_url,
        "code_urls": list(paper.code_urls),
        "votes": paper.votes,
        "comments": paper.comments,
        "stars": paper.stars,
        "organisation": paper.details.organisation,
        "keywords": list(paper.details.keywords),
        "first_seen": paper.first_seen.isoformat(),
        "topics": [match.topic_id for match in taxonomy.match(paper.title, paper.abstract)],
    }


def _what(join: Join) -> str:
    return str(join.into_id) if join.into_id else (join.revision_hash or "")[: identity.SHORT]


def _join(join: Join) -> dict[str, object]:
    return {
        "at": join.at,
        "kind": str(join.kind),
        "paper": join.paper_id,
        "into": join.into_id,
        "text": join.revision_hash,
    }

"""digest papers list|show|search."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console

from digest.cli.app import Json, session
from digest.cli.output import emit, plain, plural, table
from digest.errors import UsageError
from digest.rank.topics import Taxonomy
from digest.store import papers
from digest.store.papers import Paper

group = typer.Typer(name="papers", no_args_is_help=True, help="What the store knows.")


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
def show(
    context: typer.Context, paper_id: Annotated[int, typer.Argument(metavar="ID")], json: Json = False
) -> None:
    """One paper, whole."""
    wired = session(context).app(read_only=True)
    with wired.database.read() as conn:
        paper = papers.get(conn, paper_id)
    if paper is None:
        raise UsageError(f"there is no paper {paper_id}")
    document = _document(paper, wired.taxonomy)

    def human(console: Console) -> None:
        console.print(f"[bold]{plain(paper.title)}[/bold]")
        for name, value in document.items():
            if name not in ("title", "abstract") and value not in (None, []):
                shown = ", ".join(map(str, value)) if isinstance(value, list) else value
                console.print(f"{name}: {plain(shown)}")
        console.print()
        console.print(plain(paper.abstract))

    emit(json, document, human)


def _emit(found: list[Paper], total: int, taxonomy: Taxonomy, json: bool) -> None:
    def human(console: Console) -> None:
        rows = [(p.id, p.first_seen, p.votes, p.arxiv_id, p.title) for p in found]
        console.print(table("", ("id", "first seen", "votes", "arXiv", "title"), rows))
        console.print(f"{plural(total, 'paper')}.")

    emit(json, {"papers": [_document(paper, taxonomy) for paper in found]} if json else None, human)


def _document(paper: Paper, taxonomy: Taxonomy) -> dict[str, Any]:
    return {
        "id": paper.id,
        "title": paper.title,
        "abstract": paper.abstract,
        "authors": list(paper.authors),
        "arxiv_id": paper.arxiv_id,
        "url": paper.url,
        "code_urls": list(paper.code_urls),
        "votes": paper.votes,
        "first_seen": paper.first_seen.isoformat(),
        "topics": [match.topic_id for match in taxonomy.match(paper.title, paper.abstract)],
    }

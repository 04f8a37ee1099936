"""digest topics list|check|try."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console

from digest.cli.app import Json, session
from digest.cli.output import emit, plain, table
from digest.rank.topics import coverage
from digest.store import papers

group = typer.Typer(name="topics", no_args_is_help=True, help="What readers choose from.")


@group.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """All topics, by group."""
    taxonomy = session(context).app(read_only=True).taxonomy
    labels = {each.id: each.label for each in taxonomy.groups}
    document = {
        "topics": [
            {"id": t.id, "group": t.group, "label": t.label, "about": t.about} for t in taxonomy.topics
        ]
    }
    rows = [(labels[t.group], t.id, t.label, t.about) for t in taxonomy.topics]
    emit(json, document, lambda c: c.print(table("", ("group", "topic", "label", "about"), rows)))


@group.command()
def check(context: typer.Context, json: Json = False) -> None:
    """What share of the stored papers meets a topic, and which topics meet none."""
    wired = session(context).app(read_only=True)
    with wired.database.read() as conn:
        found = coverage(wired.taxonomy, [(p.title, p.abstract) for p in papers.every(conn)])
    document: dict[str, Any] = {
        "papers": found.papers,
        "met_one": found.met_one,
        "share_met": _share(found.met_one, found.papers),
        "more_than_six": found.more_than_six,
        "share_more_than_six": _share(found.more_than_six, found.papers),
        "mean": found.mean,
        "empty": list(found.empty),
        "per_topic": found.per_topic,
    }

    def human(console: Console) -> None:
        ordered = sorted(found.per_topic.items(), key=lambda item: (-item[1], item[0]))
        rows = [(topic, number, f"{_share(number, found.papers):.1%}") for topic, number in ordered]
        console.print(table("", ("topic", "papers", "share"), rows))
        console.print(f"{document['share_met']:.1%} of {found.papers:,} papers meet at least one topic,")
        console.print(f"{document['share_more_than_six']:.1%} more than six; {found.mean:.2f} on average.")
        console.print(f"Topics that meet none: {plain(', '.join(found.empty) or 'no such topic')}.")

    emit(json, document, human)


@group.command("try")
def try_(
    context: typer.Context,
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="A title; or a title, a line break and an abstract.")
    ],
    json: Json = False,
) -> None:
    """What a text meets, and by which words."""
    title, _, abstract = text.partition("\n")
    matches = session(context).app(read_only=True).taxonomy.match(title, abstract)
    document = {"topics": [{"id": m.topic_id, "score": m.score, "words": list(m.words)} for m in matches]}

    def human(console: Console) -> None:
        rows = [(m.topic_id, f"{m.score:.2f}", ", ".join(m.words)) for m in matches]
        console.print(table("", ("topic", "score", "words"), rows) if rows else "It meets no topic.")

    emit(json, document, human)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0

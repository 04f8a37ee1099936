"""Invented papers and deliveries that the tests of composing share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

from digest.compose.composer import Composer
from digest.compose.links import Links
from digest.compose.sender import Sender
from digest.compose.templates import Templates
from digest.deliver.alarm import Alarm, AlarmName, note_of
from digest.deliver.delivery import OPERATOR, Delivery, Kind
from digest.rank.selection import EditionPaper, Pick, Reason, ReasonKind

TEMPLATES = Path(__file__).parents[2] / "templates" / "email"
KEY = b"a key for tests, 32 bytes long.."
DAY = dt.date(2026, 11, 20)
PLANNED = dt.datetime(2026, 11, 20, 7, 0, 5, tzinfo=dt.UTC)
LINKS = Links("https://digest.example.org", [KEY])
SENDER = Sender(
    name="Digest of the Example Lab",
    address="digest@example.org",
    list_id="digest.example.org",
    postal_address="Example Lab\n1 Example Street, 12345 Sampletown",
    zone="Europe/Berlin",
)

TOPIC = Reason(kind=ReasonKind.TOPIC, label="Vision transformers", words=("transformer", "ViT"))
INTEREST = Reason(kind=ReasonKind.INTEREST, label="robots that fold laundry", words=("robot", "folding"))
KEYWORD = Reason(kind=ReasonKind.KEYWORD, label="diffusion", words=("diffusion",))
AUTHOR = Reason(kind=ReasonKind.AUTHOR, label="Ada Lovelace")
TRENDING = Reason(kind=ReasonKind.TRENDING, label="")

_WRITTEN = (
    (
        "Looking Twice: Vision Transformers That Re-read Their Patches",
        (
            "Most vision transformers read each patch of an image once. We let a small controller send the"
            " encoder back to the patches it was least sure of, for at most two more passes. On four public"
            " benchmarks this closes half of the gap to models three times the size, at 12% more compute."
            " The gain is largest on images with small objects, and vanishes on textures. We release the"
            " controller, the training recipe and all checkpoints."
        ),
        ("Mira Okonkwo", "Tomás Rivera-Lindqvist", "Ada Lovelace", "J. Park", "Wei-Lin Sato", "B. Novák"),
        "https://papers.example.org/2611.01001",
        "https://code.example.org/lab/looking-twice",
        (TOPIC, AUTHOR),
    ),
    (
        "FoldNet: One Robot, Forty Towels, and What It Learned from Failing",
        (
            "Laundry is a hard test for manipulation: cloth has no fixed shape and hides most of itself. We"
            " report on 4,000 folds by a single low-cost arm that was told only whether a fold had failed,"
            " never why. After two weeks it folds towels it has not seen in 41 s, and gives up, rightly, on"
            " fitted sheets."
        ),
        ("Ingrid Solheim", "Kofi Mensah"),
        "https://papers.example.org/2611.01002",
        None,
        (INTEREST,),
    ),
    (
        "Diffusion Without the Wait: Few-Step Samplers from Old Checkpoints",
        (
            "We show that a trained diffusion model already knows how to sample in six steps: the schedule"
            " can be read off the variance of its own scores. No distillation is needed, & no further"
            " training. Quality is within 2% of fifty steps on < 1 GPU-hour of calibration."
        ),
        ("Chen Aguilar", "Noor El-Amin", "Piotr Zieliński"),
        "https://papers.example.org/2611.01003",
        "https://code.example.org/few-step",
        (KEYWORD,),
    ),
    (
        "A Note on Sorting Nearly Sorted Lists",
        "",
        (),
        None,
        None,
        (TRENDING,),
    ),
    (
        (
            "多言語 Retrieval: Why Ranking in One Language Is Not Ranking in Another — a Study of 31"
            " Languages, Nine Indexes and the Queries People Really Ask"
        ),
        (
            "Dense retrievers are compared on translated benchmarks, and people do not ask translated"
            " questions. We collect 62,000 questions from speakers of 31 languages and find that the order of"
            " nine systems changes in 22 of them. Translation hides this: a question asked in Yoruba is"
            " shorter, and leaves out what its speakers take for granted."
        ),
        ("Folasade Adeyemi", "Łukasz Brandt", "Yuki Tanaka", "R. d’Souza"),
        "https://papers.example.org/2611.01005?view=full&lang=en",
        None,
        (TOPIC, INTEREST),
    ),
)


def paper(number: int, title: str, abstract: str = "", **changes: object) -> EditionPaper:
    """A paper of edition 7 with as little to it as can be."""
    values: dict[str, object] = {
        "edition_id": 7,
        "edition_date": DAY,
        "paper_id": number,
        "revision_id": number * 10,
        "title": title,
        "abstract": abstract,
        "authors": (),
        "url": None,
        "code_url": None,
        "votes": None,
        "place": number,
        "trend": 1.0,
    }
    return EditionPaper(**{**values, **changes})  # type: ignore[arg-type] # a table of changes has no types


PAPERS = tuple(
    paper(number, title, abstract, authors=authors, url=url, code_url=code_url)
    for number, (title, abstract, authors, url, code_url, _) in enumerate(_WRITTEN, start=1)
)
REASONS = tuple(row[-1] for row in _WRITTEN)


def by_key(papers: Iterable[EditionPaper]) -> dict[tuple[int, int], EditionPaper]:
    """Papers as a composer takes them."""
    return {(one.edition_id, one.paper_id): one for one in papers}


def picks(papers: Iterable[EditionPaper], reasons: Iterable[tuple[Reason, ...]] = ()) -> tuple[Pick, ...]:
    """Picks of these papers in this order; without reasons, they are all trending."""
    given = list(reasons)
    return tuple(
        Pick(
            edition_id=one.edition_id,
            paper_id=one.paper_id,
            score=1.0,
            reasons=given[index] if given else (TRENDING,),
        )
        for index, one in enumerate(papers)
    )


def delivery(chosen: tuple[Pick, ...] = (), **changes: object) -> Delivery:
    """A digest to a reader at example.org."""
    values: dict[str, object] = {
        "id": 99,
        "subscriber_id": 4711,
        "kind": Kind.DIGEST,
        "local_date": DAY,
        "recipient": "grace.reader@example.org",
        "epoch": 3,
        "picks": chosen,
        "leftover": 0,
        "message_id": "<5f0c6e2b9d1a4c3e@example.org>",
        "planned_at": PLANNED,
        "expires_at": PLANNED + dt.timedelta(hours=20),
        "template": "v1",
        "attempts": 0,
        "body_hash": None,
        "lease_until": PLANNED + dt.timedelta(minutes=10),
    }
    return Delivery(**{**values, **changes})  # type: ignore[arg-type] # a table of changes has no types


def composer(**changes: int) -> Composer:
    """A composer over the project's own templates."""
    return Composer(Templates.load(TEMPLATES), LINKS, SENDER, **changes)  # type: ignore[arg-type] # numbers alone


#: The digest that the golden files show.
FIVE = delivery(picks(PAPERS, REASONS), leftover=12)

#: The alarms that the golden files show, given in another order than the mail's.
ALARM = delivery(
    kind=Kind.ALARM,
    subscriber_id=OPERATOR,
    recipient="grace.reader@example.org",
    note=note_of(
        [
            Alarm(
                name=AlarmName.DUMP_QUARANTINED,
                about="folder",
                text='The source "folder" brought a dump that could not be read: 2026-11-20.json, line 3: not JSON.',
            ),
            Alarm(
                name=AlarmName.SOURCE_SHORT,
                about="daily-papers",
                text='The source "daily-papers" listed 3 papers on Friday, 20 November 2026, where 41 are usual.',
            ),
            Alarm(
                name=AlarmName.EDITION_HELD,
                text=(
                    "The edition of Friday, 20 November 2026 waits: daily-papers lists 3 papers where 41 are usual. It"
                    " goes out once that is made up for, and at 12:00 (Europe/Berlin) with what is there by then."
                ),
            ),
        ]
    ),
)

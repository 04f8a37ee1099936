"""Invented views for every page, in every state that looks different; for tests, and for eyes."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import available_timezones

from digest.compose.views import PaperView, ReasonView
from digest.subscribers.consent import CONSENT
from digest.web.views import (
    ApiView,
    ConfirmView,
    DataView,
    EditionPageView,
    EditionsView,
    EditionView,
    ErasedView,
    ErrorView,
    ExpiredView,
    FormView,
    GroupView,
    HomeView,
    InboxView,
    LeaveView,
    OperationView,
    OptionView,
    PastView,
    PickView,
    PreferencesView,
    PreviewView,
    TopicView,
)

#: What a paper, a reader or an operator may have written, none of which may come alive.
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "{{7*7}}{% raise %}",
    "javascript:alert(1)",
    "</textarea></title><style>*{display:none}</style>",
    "<!--[if mso]>",
)

_TOPICS = Path(__file__).parents[2] / "config" / "topics.toml"

LONG_TITLE = (
    "On the Unreasonable Length of Titles: A Systematic, Cross-Lingual and Multi-Institutional Study of How "
    "Far a Sentence May Run Before Its Reader, Who Had Only Meant to Look Quickly, Gives Up and Drinks a Coffee "
    "(with an Appendix on Supercalifragilisticexpialidociouslyhyperparameterisedtransformerarchitectures)"
)
_PAPERS = (
    (
        "Slow Lanes: Sparse Attention That Reads Long Documents Twice",
        "Ada Lovelace, Grace Hopper, Emmy Noether and 4 more",
        (
            "Long documents are skimmed by sparse attention, and what matters is lost between the blocks. We read "
            "twice: a cheap first pass marks the passages that a second pass reads in full. At a quarter of the "
            "cost, questions about the middle of a document are answered as well as those about its ends."
        ),
        (
            ReasonView(
                kind="interest",
                label="sparse attention for long documents",
                words="sparse attention, long documents",
            ),
        ),
    ),
    (
        "What the Segmenter Saw: Promptable Masks in Murky Water",
        "Jacques Piccard, Sylvia Earle",
        (
            "A benchmark of 12,000 frames from rivers and harbours shows where promptable segmentation fails, "
            "and a small adapter that mends half of it."
        ),
        (ReasonView(kind="topic", label="Segmentation", words="promptable segmentation, masks"),),
    ),
    (
        "Proofs by Candlelight",
        "Sofya Kovalevskaya",
        "A small prover that keeps a notebook of failed attempts closes 14 % more goals than one that forgets.",
        (
            ReasonView(kind="author", label="Sofya Kovalevskaya", words=""),
            ReasonView(kind="topic", label="Mathematics and proof", words="theorem proving"),
        ),
    ),
    (
        LONG_TITLE,
        "Lise Meitner and 211 more",
        "",
        (ReasonView(kind="keyword", label="titles", words="titles"),),
    ),
    ("Untitled", "", "", (ReasonView(kind="trending", label="", words=""),)),
)


def picks(count: int, *, reasons: bool = True) -> tuple[PickView, ...]:
    """Papers of all kinds, in turn; the last kind has neither link nor text."""
    return tuple(
        PickView(
            paper=PaperView(
                title=title,
                short_title=title[:60],
                authors=authors,
                abstract=abstract,
                url=f"https://example.org/papers/{number}" if authors else None,
                code_url=f"https://example.org/code/{number}" if number % 2 == 0 and authors else None,
            ),
            reasons=why if reasons else (),
        )
        for number, (title, authors, abstract, why) in zip(
            range(count), itertools.cycle(_PAPERS), strict=False
        )
    )


def groups(*chosen: str) -> tuple[GroupView, ...]:
    """The topics that come with the project."""
    content = tomllib.loads(_TOPICS.read_text(encoding="utf-8"))
    return tuple(
        GroupView(
            id=group["id"],
            label=group["label"],
            topics=tuple(
                TopicView(
                    id=topic["id"], label=topic["label"], about=topic["about"], chosen=topic["id"] in chosen
                )
                for topic in content["topics"]
                if topic["group"] == group["id"]
            ),
        )
        for group in content["groups"]
    )


def options(chosen: str, **labels: str) -> tuple[OptionView, ...]:
    return tuple(
        OptionView(value=value, label=label, chosen=value == chosen) for value, label in labels.items()
    )


def _zones(chosen: str) -> tuple[tuple[str, tuple[OptionView, ...]], ...]:
    named = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc"))
    regions = itertools.groupby(named, key=lambda zone: zone.partition("/")[0])
    return (
        ("UTC", options(chosen, UTC="UTC")),
        *(
            (region, options(chosen, **{zone: zone.partition("/")[2].replace("_", " ") for zone in zones}))
            for region, zones in regions
        ),
    )


def form(**changed: Any) -> FormView:
    """Nothing chosen yet, as a new reader finds it."""
    untouched = FormView(
        address="",
        groups=groups(),
        interests="",
        include="",
        exclude="",
        frequencies=options("daily", daily="Every day", weekdays="On weekdays", weekly="Once a week"),
        weekdays=options("mon", mon="Monday", tue="Tuesday", wed="Wednesday", thu="Thursday", fri="Friday", sat="Saturday", sun="Sunday"),
        hours=options("7", **{str(hour): f"{hour:02}:00" for hour in range(24)}),
        zones=_zones("UTC"),
        cap="10",
        guess_zone=True,
    )  # fmt: skip
    return replace(untouched, **changed)


def chosen_form(**changed: Any) -> FormView:
    """As a reader of some weeks has it."""
    return form(
        groups=groups(*[topic.id for group in groups()[:3] for topic in group.topics[1:3]]),
        interests="sparse attention for long documents\nrobots that fold laundry",
        include="author:Sofya Kovalevskaya\nstate space model",
        exclude="remote sensing",
        frequencies=options("weekly", daily="Every day", weekdays="On weekdays", weekly="Once a week"),
        zones=_zones("Europe/Berlin"),
        guess_zone=False,
        **changed,
    )


def broken_form(address: str = "ada@@example.org") -> FormView:
    """As sent with a slip in every field."""
    return replace(
        chosen_form(),
        address=address,
        cap="500",
        errors={
            "address": "This is no mail address: it holds two @. Write it as in ada@example.org.",
            "topics": "“moonshine” is not a topic.",
            "interests": "21 interests are too many; 20 are allowed.",
            "include": "“author:” names nobody; write author:NAME.",
            "exclude": "One rule has 240 characters; 200 are allowed.",
            "frequency": "Choose one of these.",
            "weekday": "Choose a day.",
            "hour": "Choose an hour from 0 to 23.",
            "zone": "“Europe/Berlon” is not a time zone; did you mean Europe/Berlin?",
            "cap": "Choose a whole number from 1 to 50.",
        },
    )


def edition(count: int = 57, shown: int = 5, *, reasons: bool = False) -> EditionView:
    return EditionView(
        date="Friday, 20 November 2026",
        path="/editions/2026-11-20",
        count=count,
        picks=picks(shown, reasons=reasons),
    )


def preview(*sizes: int, empty_days: int = 0, editions: int = 7) -> PreviewView:
    """One digest per size, newest first; each third has leftovers."""
    days = ("Friday", "Thursday", "Wednesday", "Tuesday", "Monday", "Sunday", "Saturday")
    return PreviewView(
        digests=tuple(
            PastView(
                date=f"{days[place]}, {20 - place} November 2026",
                picks=picks(size),
                leftover=3 if place % 3 == 1 else 0,
            )
            for place, size in enumerate(sizes)
        ),
        papers=sum(sizes),
        empty_days=empty_days,
        editions=editions,
    )


def preferences(**changed: Any) -> PreferencesView:
    given = PreferencesView(
        address="ada.lovelace@example.org",
        paused=False,
        paused_until=None,
        form=chosen_form(),
        preview=preview(3, 5, 1, 4, 2, empty_days=2),
        next_due="Monday, 23 November 2026, 07:00 (Europe/Berlin)",
        notice=None,
        save="/p/TOKEN",
        try_out="/p/TOKEN/preview",
        pause="/p/TOKEN/pause",
        resume="/p/TOKEN/resume",
        move="/p/TOKEN/move",
        data="/p/TOKEN/data",
        leave="/u/TOKEN",
    )
    return replace(given, **changed)


def _api() -> ApiView:
    return ApiView(
        operations=(
            OperationView(
                method="POST",
                path="/api/v1/subscriptions",
                summary="Ask for a subscription",
                description="The answer is the same for every address; the mail that follows is not.",
                parameters=(("address", "string", "The mail address."), ("topics", "array of string", "Ids of topics.")),
                answers=(("202", "A mail is on its way."), ("422", "A field is wrong."), ("429", "Too many; wait.")),
                example="curl -H 'Content-Type: application/json' -d '{\"address\": \"ada@example.org\"}' https://digest.example.org/api/v1/subscriptions",
            ),
            OperationView(
                method="GET",
                path="/api/v1/topics",
                summary="All topics, by group",
                description="",
                parameters=(),
                answers=(("200", "The topics."),),
                example="curl https://digest.example.org/api/v1/topics",
            ),
        ),
        document="/api/v1/openapi.json",
    )  # fmt: skip


def _leave(**changed: Any) -> LeaveView:
    asked = LeaveView(action="/u/TOKEN", data="/u/TOKEN/data", known=True, left=False, asked=False)
    return replace(asked, **changed)


#: state -> (template, its view)
STATES: Mapping[str, tuple[str, Any]] = {
    "home": ("home", HomeView(form=form(), consent=CONSENT, edition=edition())),
    "home-first-day": ("home", HomeView(form=form(), consent=CONSENT, edition=None)),
    "home-address-error": (
        "home",
        HomeView(
            form=form(address="ada@example", errors={"address": "This is no mail address: after the @ comes a name such as example.org."}),
            consent=CONSENT,
            edition=edition(1, 1),
        ),
    ),
    "home-errors": ("home", HomeView(form=broken_form(), consent=CONSENT, edition=edition(reasons=True))),
    "inbox": ("inbox", InboxView()),
    "confirm": ("confirm", ConfirmView(action="/c/TOKEN", address="ada@example.org", moves=False)),
    "confirm-move": (
        "confirm",
        ConfirmView(action="/c/TOKEN", address=f"{'ada.' * 15}lovelace@{'very.' * 8}example.org", moves=True),
    ),
    "expired": ("expired", ExpiredView(action="/c/TOKEN/again", asked=False)),
    "expired-nothing": ("expired", ExpiredView(action=None, asked=False)),
    "expired-asked": ("expired", ExpiredView(action=None, asked=True)),
    "preferences": ("preferences", preferences()),
    "preferences-new": (
        "preferences",
        preferences(
            form=form(),
            preview=preview(editions=0),
            notice="You are in. Choose what you want to read, or leave it as it is: then you get what trends.",
        ),
    ),
    "preferences-full": (
        "preferences",
        preferences(
            preview=preview(10, 1, 3, 5, 2, 4, 6), notice="Saved. The next mail follows these choices.", form=replace(chosen_form(), frequencies=form().frequencies)
        ),
    ),
    "preferences-no-match": ("preferences", preferences(preview=preview(empty_days=7))),
    "preferences-one": ("preferences", preferences(preview=preview(1, empty_days=1))),
    "preferences-paused": ("preferences", preferences(paused=True, next_due=None)),
    "preferences-paused-until": (
        "preferences",
        preferences(paused=True, paused_until="1 December 2026", next_due=None, notice="Paused until 1 December 2026."),
    ),
    "preferences-errors": ("preferences", preferences(form=broken_form(""), new_address="ada@@example.org")),
    "leave": ("leave", _leave()),
    "leave-left": ("leave", _leave(left=True)),
    "leave-asked": ("leave", _leave(left=True, asked=True)),
    "leave-erased": ("leave", _leave(left=True, known=False)),
    "leave-erased-before": ("leave", _leave(known=False)),
    "data-export": ("data", DataView(action="/x/TOKEN", address="ada@example.org", erase=False)),
    "data-erase": ("data", DataView(action="/e/TOKEN", address="ada@example.org", erase=True)),
    "erased": ("erased", ErasedView()),
    "edition": (
        "edition",
        EditionPageView(edition=edition(12, 12), newer="/editions/2026-11-21", older="/editions/2026-11-19"),
    ),
    "edition-alone": ("edition", EditionPageView(edition=edition(1, 1), newer=None, older=None)),
    "edition-empty": ("edition", EditionPageView(edition=edition(0, 0), newer=None, older=None)),
    "editions": ("editions", EditionsView(editions=(edition(), edition(1)), older="/editions?before=2026-11-01")),
    "editions-none": ("editions", EditionsView(editions=(), older=None)),
    "api": ("api", _api()),
    **{
        f"error-{status}": ("error", ErrorView(status=status, title=title, text=text))
        for status, title, text in (
            (400, "This request is for another site", "The name that your browser asked for is not ours."),
            (403, "This came from another site", "For your safety, forms are taken from our own pages only."),
            (404, "There is no such page", "The link is wrong, or no longer works."),
            (405, "This page cannot do that", "It can be read, and nothing else."),
            (410, "This link has been used", "It worked once, and did what it was for."),
            (413, "That is too much at once", "What you sent is larger than our forms can hold."),
            (422, "Something is missing", "A part of the form did not arrive."),
            (429, "A moment, please", "Many requests came from your network in a short time."),
            (500, "Something broke", "We have made a note of it."),
            (503, "We are out for a moment", "The database does not answer."),
        )
    },
}  # fmt: skip

_View = TypeVar("_View")


def poisoned(view: _View, text: str) -> _View:
    """The same view with a text in place of every text that comes from readers, papers or operators."""
    poison: Any = _poisoned
    changed: _View = poison(view, text)
    return changed


#: Texts that the project writes itself: paths, ids, and what a template decides by.
_OURS = frozenset({"kind", "id", "value", "action", "path", "save", "try_out", "pause", "resume", "move", "data", "leave", "newer", "older", "document"})  # fmt: skip
#: Addresses of papers come checked: harmless, or None.
_CHECKED = frozenset({"url", "code_url"})


def _poisoned(value: Any, text: str) -> Any:
    if isinstance(value, str):
        return text
    if isinstance(value, tuple):
        return tuple(_poisoned(each, text) for each in value)
    if isinstance(value, Mapping):
        return {key: _poisoned(each, text) for key, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **dict(_poisoned_fields(value, text)))
    return value


def _poisoned_fields(value: Any, text: str) -> Iterator[tuple[str, Any]]:
    for each in fields(value):
        if each.name not in _OURS | _CHECKED:
            yield each.name, _poisoned(getattr(value, each.name), text)

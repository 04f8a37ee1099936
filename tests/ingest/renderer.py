"""A renderer of invented papers pages: what crawlers make of them, in more ways than any one of them has."""

from __future__ import annotations

import datetime as dt
import random
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import strategies as st

from digest.ingest.record import DumpDate

_NOUNS = [
    "Harbour",
    "Ferry",
    "Lantern",
    "Glacier",
    "Umbrella",
    "Orchard",
    "Beehive",
    "Elevator",
    "Lighthouse",
    "Register",
    "Melody",
    "Origami",
    "Moss",
    "Loaf",
    "Tide",
    "Buoy",
    "Quill",
    "Parish",
    "Meadow",
    "Kettle",
    "Compass",
    "Sparrow",
    "Granite",
    "Willow",
    "Canal",
    "Archive",
    "Chimney",
    "Ladder",
    "Mirror",
    "Thicket",
]
_KINDS = [
    "Planning",
    "Forecasting",
    "Retrieval",
    "Segmentation",
    "Counting",
    "Alignment",
    "Pruning",
    "Distillation",
    "Navigation",
    "Tracking",
]
_HOWS = [
    "with Sparse Buoys",
    "under Shared Rain",
    "by Rhythm Alone",
    "at Scale",
    "without a Cloud",
    "from Faded Ink",
    "in the Wild",
]
_MORE = [
    "Reversible Steps for Long-Horizon Decisions under Uncertain Weather",
    "A Plain Recipe",
    "Is More Always Better?",
    "A Corpus of 40,000 Hours",
    "Towards Patient Machines",
    "What the Keepers Knew All Along",
]
_OPENERS = ["We present", "We introduce", "This paper describes", "In this work, we propose", "We study"]
_SENTENCES = (
    "Routes over moving ice go stale within days, because the ice does not wait for the map.",
    "Our planner keeps a belief over where crevasses may open and prefers routes that can be left early.",
    "On eleven harbours it halves the error of the tables in use (from 12.4% to 6.1%), and it runs on the buoy itself.",
    "Experiments on a rooftop show that 84\\% of all maps end in their covers, up from 12\\% without undoing.",
    "The method needs no special light, no tripod, and no network connection while it is used.",
    "It recovers 61% of the names that archivists had given up, and it says so when it is guessing.",
    "Ablations on three benchmarks (TideBench, MossNet and FerryQA) show where the gain comes from.",
    "A shared waiting rule, learned by all cabins together, saves a fifth of the energy in nine buildings.",
    "Compared with the strongest baseline, it is 3.2x faster at the same accuracy of 0.91 on average.",
    "Code and data are available at https://github.com/example/harbour-tides.",
    "To our surprise the same rule, $r_{t+1} = \\alpha r_t$, holds in every one of the nine buildings.",
    "We release 1,204 hours of recordings, each with the weather, the state of the colony and the flowers in reach.",
)  # fmt: skip
_FIRST = [
    "Ada",
    "Bruno",
    "Clara",
    "Dmitri",
    "Elif",
    "Femi",
    "Greta",
    "Hiro",
    "Ines",
    "Jonas",
    "Kavya",
    "Lars",
    "Mei",
    "Noor",
]
_LAST = [
    "Adler",
    "Brandt",
    "Castro",
    "Dubois",
    "Eriksen",
    "Fontaine",
    "Garcia",
    "Haddad",
    "Ivanova",
    "Jansen",
    "Kimura",
    "Lindqvist",
]
_USERS = ["tidewatcher", "mosscounter", "a-keeper", "ferry_fan", "q1ll", "northlight", "Jo-Ann"]
_ORGANISATIONS = ["Harbour Lab", "Institute of Moss", "Northlight", "University of Quills", "Tidewater AI"]


@dataclass(frozen=True, kw_only=True)
class Paper:
    """What a page knows of a paper; None where it has nothing."""

    title: str
    text: str
    arxiv_id: str
    votes: int | None
    comments: int | None
    author_count: int | None
    names: tuple[str, ...]
    organisation: str | None
    published: dt.date | None
    stars: str | None
    code_url: str | None
    submitter: str | None


def paper(chance: random.Random, number: int, *, missing: float, summaries: bool) -> Paper:
    """Invent a paper."""
    have: Callable[[], bool] = lambda: chance.random() >= missing  # noqa: E731
    noun = chance.choice(_NOUNS)
    title = (
        f"{noun}{chance.choice(['', 'Net', ' 2.5', '-V2'])}: {chance.choice(_KINDS)} {chance.choice(_HOWS)}"
    )
    title = chance.choice(
        [
            title,
            f"{title}, {chance.choice(_MORE)}",
            f"{chance.choice(_MORE)} {chance.choice(_KINDS)} {number}",
        ]
    )
    title = f"{title} {number} {chance.choice(_NOUNS)}"
    count = 1 if summaries and chance.random() < 0.7 else chance.randint(5, 11)
    sentences = chance.sample(_SENTENCES, count)
    text = f"{chance.choice(_OPENERS)} {noun}, a {chance.choice(_KINDS).lower()} method for the {noun.lower()} of case {number}. "
    text = (
        text + " ".join(sentences)
        if count > 1
        else f"{text[:-2]} that outperforms the tables in use on benchmark {number}."
    )
    named = chance.choice(["count", "names", "organisation"]) if number % 3 else "count"
    names = tuple(f"{f} {chance.choice(_LAST)}" for f in chance.sample(_FIRST, chance.randint(2, 5)))
    return Paper(
        title=title,
        text=text,
        arxiv_id=f"{chance.randint(15, 26):02}{chance.randint(1, 12):02}.{chance.randint(0, 99999):05}",
        votes=chance.choice([None, chance.randint(1, 9), chance.randint(10, 999)]),
        comments=chance.randint(1, 30) if have() and chance.random() < 0.6 else None,
        author_count=chance.randint(1, 700) if named == "count" and (have() or number % 3 == 0) else None,
        names=names if named == "names" and have() else (),
        organisation=chance.choice(_ORGANISATIONS) if named == "organisation" and have() else None,
        published=dt.date(2026, 6, 29) - dt.timedelta(days=chance.randint(0, 900)) if have() else None,
        stars=chance.choice(["476", "3.29k", "1.2k", "110k", "1,204"]) if have() else None,
        code_url=f"https://github.com/example/{noun.lower()}-{number}",
        submitter=chance.choice(_USERS) if have() else None,
    )


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a crawler renders."""

    links: str  #: numbered, inline, bare, none
    title: str  #: h2, h3, h4, bold, setext, link, plain
    width: int | None
    blank: bool
    votes: str  #: before, button, words, arrow, none
    box: bool  #: votes in brackets over three rows, as are other links
    submitter: str  #: none, line, lines
    dates: str  #: short, long, iso, published, none
    comments: str  #: none, beside, own
    stars: str  #: none, github, star
    menu: bool
    foot: bool
    stamp: str  #: none, captured, front
    fence: bool
    quote: bool
    listed: bool  #: authors behind a list mark
    repeat_marks: bool  #: each row of a wrapped heading has them
    double: bool
    cut: str  #: none, marker, link, quiet
    missing: float
    summaries: bool
    definitions: bool
    language: str  #: of alt texts
    seed: int
    count: int


@st.composite
def styles(draw: st.DrawFn, links: str | None = None) -> Style:
    """Draw a style; what makes no sense together is mended here."""
    links = links or draw(st.sampled_from(["numbered", "inline", "bare", "none"]))
    titles = ["h2", "h3", "h4", "bold", "setext", "plain"]
    title = draw(st.sampled_from([*titles, "link"] if links in ("inline", "bare") else titles))
    blank = draw(st.booleans()) or title in ("setext", "link", "plain") or links == "bare"
    return Style(
        links=links,
        title=title,
        width=draw(st.one_of(st.none(), st.integers(40, 140))),
        blank=blank,
        votes=draw(st.sampled_from(["before", "button", "words", "arrow", "none"])),
        box=draw(st.booleans()) and links in ("numbered", "inline"),
        submitter=draw(st.sampled_from(["none", "line", "lines"])),
        dates=draw(st.sampled_from(["short", "long", "iso", "published", "none"])),
        comments=draw(st.sampled_from(["none", "beside", "own"]))
        if links in ("numbered", "inline")
        else "none",
        stars=draw(st.sampled_from(["none", "github", "star"])),
        menu=draw(st.booleans()),
        foot=draw(st.booleans()),
        stamp=draw(st.sampled_from(["none", "captured", "front"])),
        fence=draw(st.booleans()),
        quote=draw(st.booleans()) and draw(st.booleans()),
        listed=draw(st.booleans()),
        repeat_marks=draw(st.booleans()),
        double=draw(st.booleans()),
        cut=draw(st.sampled_from(["none", "none", "marker", "link", "quiet"])),
        missing=draw(st.sampled_from([0.0, 0.2, 0.5])),
        summaries=draw(st.booleans()),
        definitions=draw(st.booleans()),
        language=draw(st.sampled_from(["Image of", "Bild von", "画像", "Imagen", "图片：", "avatar"])),
        seed=draw(st.integers(0, 2**32)),
        count=draw(st.integers(2, 9)),
    )


@dataclass
class Rendering:
    """A document, and what it holds."""

    style: Style
    papers: list[Paper]
    cut: Paper | None
    date: DumpDate | None
    text: str = ""


@dataclass
class Writer:
    """Writes one document."""

    style: Style
    chance: random.Random
    lines: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    def put(self, *rows: str, always: bool = False) -> None:
        """Write an element, a blank line behind it where the style has them."""
        self.lines += rows
        if self.style.blank or always:
            self.lines.append("")

    def wrapped(self, text: str, first: str = "", later: str = "", last: str = "") -> list[str]:
        """Wrap a text that starts with a mark."""
        if self.style.width is None:
            return [f"{first}{text}{last}"]
        return textwrap.wrap(
            f"{text}{last}", self.style.width, initial_indent=first, subsequent_indent=later,
            break_on_hyphens=False, break_long_words=False,
        )  # fmt: skip

    def link(self, text: str, address: str) -> str:
        """Link a short text."""
        match self.style.links:
            case "numbered":
                self.addresses.append(address)
                return f"[{text}][{len(self.addresses)}]"
            case "inline":
                return f"[{text}]({address})"
            case _:
                return text

    def element(self, text: str, address: str, *, mark: str = "") -> None:
        """Write a linked element of its own."""
        if self.style.box:
            end = self.link("", address)[1:]
            self.put("[", f"{mark}{text}", end)
        else:
            self.put(f"{mark}{self.link(text, address)}")
            self.bare(address)

    def bare(self, address: str) -> None:
        """Write an address on a line of its own where the style does so."""
        if self.style.links == "bare":
            self.put(address)


def render(style: Style) -> Rendering:
    """Render a page in a style."""
    chance = random.Random(style.seed)
    papers = [
        paper(chance, number, missing=style.missing, summaries=style.summaries)
        for number in range(style.count)
    ]
    writer = Writer(style, chance)
    _head(writer)
    for number, one in enumerate(papers):
        _card(writer, one, last=number == len(papers) - 1)
        if style.double and style.votes != "none" and chance.random() < 0.7 and number < len(papers) - 1:
            _card(writer, one, last=False)
    cut = papers[-1] if style.cut != "none" else None
    if cut is None and style.foot:
        for row in ("Previous", "Next", "Company", "© Example Face", "TOS", "Privacy"):
            writer.put(row)
        writer.put(
            "We use cookies to make this page work and to count its visitors. By going on you agree to that."
        )
    rendering = Rendering(style, papers[:-1] if cut else papers, cut, _date(style))
    rendering.text = _finished(writer)
    return rendering


def _date(style: Style) -> DumpDate | None:
    if style.stamp != "none":
        return DumpDate(year=2026, month=6, day=29)
    return DumpDate(month=6, day=29) if style.menu else None


def _head(writer: Writer) -> None:
    style = writer.style
    if style.stamp == "front":
        writer.lines += [
            "---",
            "url: https://example.org/papers",
            "retrieved: 2026-06-29",
            "title: Daily Papers",
            "---",
            "",
        ]
    elif style.stamp == "captured":
        writer.lines += [
            "# Web source",
            "",
            "- URL: https://example.org/papers",
            "- Captured (UTC): 2026-06-29T16:31:22.1+00:00",
            "",
        ]
    if style.fence:
        writer.lines.append("```text")
    if not style.menu:
        return
    for row in ("Models", "Datasets", "Spaces"):
        writer.lines.append(f"* {writer.link(row, 'https://example.org/' + row)}")
    writer.put("", "new", "Get trending papers in your email inbox once a day!", always=True)
    writer.put(writer.link("Subscribe", "https://example.org/login?next=%2Fpapers"), always=True)
    writer.put("# Daily Papers" if style.title in ("h2", "h3", "h4", "bold") else "Daily Papers", always=True)
    writer.put("* Daily", "* Weekly", always=True)
    writer.put("Jun 29", always=True)


def _card(writer: Writer, one: Paper, *, last: bool) -> None:
    style = writer.style
    page = f"https://huggingface.co/papers/{one.arxiv_id}"
    cut = style.cut if last else "none"
    if style.submitter != "none" and one.submitter:
        _submitter(writer, one.submitter)
    if style.votes == "before":
        writer.element(
            "-" if one.votes is None else str(one.votes),
            f"https://huggingface.co/login?next=%2Fpapers%2F{one.arxiv_id}",
        )
    _title(writer, one.title, page)
    _text(writer, one.text, page, cut)
    if cut != "none":
        if cut == "marker":
            writer.lines += ["", "[Content truncated]"]
        return
    _authors(writer, one, page)
    _dates(writer, one, page)
    _votes(writer, one)
    _stars(writer, one)


def _submitter(writer: Writer, user: str) -> None:
    image = (
        f"![{writer.style.language} {user}](https://example.org/{user}.png) "
        if writer.style.links == "inline"
        else ""
    )
    if writer.style.submitter == "line":
        writer.put(f"Submitted by {image}{user}")
    else:
        writer.put("Submitted by")
        writer.put(f"{image}{user}")


def _title(writer: Writer, title: str, page: str) -> None:
    style = writer.style
    if style.links == "numbered":
        writer.addresses.append(page)
        first, last = "[", f"][{len(writer.addresses)}]"
    elif style.links == "inline":
        first, last = "[", f"]({page})"
    else:
        first, last = "", ""
    if style.title.startswith("h"):
        mark = "#" * int(style.title[1]) + " "
        writer.put(*writer.wrapped(title, mark + first, mark if style.repeat_marks else "  ", last))
    elif style.title == "bold":
        writer.put(*writer.wrapped(title, "**" + first, "", last + "**"))
    elif style.title == "setext":
        rows = writer.wrapped(title, first, "", last)
        writer.put(*rows, ("=" if style.repeat_marks else "-") * max(len(row) for row in rows))
    else:
        writer.put(*writer.wrapped(title, first, "", last))
    writer.bare(page)


def _text(writer: Writer, text: str, page: str, cut: str) -> None:
    style = writer.style
    if cut != "none":
        text = text[: max(30, len(text) * 2 // 3)].rsplit(" ", 1)[0]
        text = text.rstrip(".") + (" a" if cut != "quiet" else " of the")
    if style.links == "numbered" or (style.links == "inline" and style.box):
        end = writer.link("", page)[1:]
        writer.put("[", "", *writer.wrapped(text), *(["", end] if cut == "none" else []))
    elif style.links == "inline" and style.listed:
        writer.put(*writer.wrapped(text, "[", "", f"]({page})" if cut == "none" else ""))
    else:
        writer.put(*writer.wrapped(text))
        if cut == "none":
            writer.bare(page)


def _authors(writer: Writer, one: Paper, page: str) -> None:
    mark = "* " if writer.style.listed else ""
    if one.author_count is not None:
        writer.element(f"{one.author_count} authors", page, mark=mark)
    elif one.names:
        writer.put(*writer.wrapped(", ".join(one.names)))
    elif one.organisation:
        logo = "[logo] " if writer.style.links in ("numbered", "inline") else ""
        writer.put(writer.link(f"{logo}{one.organisation}", "https://huggingface.co/example"))
        writer.bare("https://huggingface.co/example")
        writer.put("·")


def _dates(writer: Writer, one: Paper, page: str) -> None:
    style = writer.style
    day = one.published
    if style.dates == "none" or day is None:
        return
    short = (
        f"{day:%b} {day.day}"
        if day.year == 2026 and style.stamp != "none"
        else f"{day:%b} {day.day}, {day.year}"
    )
    shown = {
        "short": short,
        "long": f"{day:%B} {day.day}, {day.year}",
        "iso": day.isoformat(),
        "published": f"Published on {short}",
    }[style.dates]
    if not one.organisation and style.repeat_marks:
        writer.put("·")
    comments = "" if one.comments is None else str(one.comments)
    if comments and style.comments == "beside":
        writer.put(f"{shown} {writer.link(' ' + comments, page + '#community')}")
        return
    writer.put(shown)
    if comments and style.comments == "own":
        writer.put(writer.link(f"{comments} comments", page + "#community"))


def _votes(writer: Writer, one: Paper) -> None:
    vote = f"https://huggingface.co/login?next=%2Fpapers%2F{one.arxiv_id}"
    count = "-" if one.votes is None else str(one.votes)
    match writer.style.votes:
        case "button":
            writer.put(writer.link(f"Upvote {count}", vote))
        case "words":
            writer.put(writer.link(f"{count} upvotes", vote))
        case "arrow":
            writer.put(writer.link(f"▲ {count}", vote))


def _stars(writer: Writer, one: Paper) -> None:
    if one.stars is None or writer.style.stars == "none":
        return
    shown = f"GitHub {one.stars}" if writer.style.stars == "github" else f"⭐ {one.stars}"
    writer.put(f"{writer.link(shown, one.code_url or '')} {writer.link('arXiv Page', 'https://arxiv.org/abs/' + one.arxiv_id)}"
               if writer.style.links in ("numbered", "inline") else shown)  # fmt: skip
    writer.bare(one.code_url or "")


def _finished(writer: Writer) -> str:
    lines = writer.lines
    if writer.style.quote:
        lines = [f"> {line}".rstrip() for line in lines]
    if writer.style.fence:
        lines = [*lines, "```"]
    if writer.style.links == "numbered" and writer.style.definitions:
        lines = [
            *lines,
            "",
            *(f"[{number}]: {address}" for number, address in enumerate(writer.addresses, 1)),
        ]
    return "\n".join(lines) + "\n"

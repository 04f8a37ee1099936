"""What a papers page shows around a title and its abstract: counts, authors, dates, links, buttons."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import unquote

from digest.ingest.arxiv import arxiv_id
from digest.ingest.dates import parse_head_date
from digest.ingest.formats.values import shown_count
from digest.ingest.record import DumpDate


class Kind(StrEnum):
    """What a piece of a page says."""

    PROSE = "prose"  #: an abstract, a summary, a notice of the page
    WORDS = "words"  #: a few words that are none of the others
    VOTES = "votes"
    UPVOTE = "upvote"  #: the button, its count beside it
    COUNT = "count"  #: a bare number, or the dash in place of one
    COMMENTS = "comments"
    AUTHORS = "authors"  #: how many
    NAMES = "names"  #: of authors
    DATE = "date"
    PUBLISHED = "published"  #: the word, its date beside it
    SUBMITTED = "submitted"  #: by somebody, who may stand beside it
    STARS = "stars"
    CODE = "code"
    PROJECT = "project"
    PAPER = "paper"  #: a link to the paper's page, without words of its own
    DOT = "dot"
    CUT = "cut"  #: the document says that it is cut here
    NOTHING = "nothing"  #: a button, a menu


@dataclass(slots=True)
class Piece:
    """A piece of a page, and what it says."""

    kind: Kind
    text: str = ""
    number: int | None = None
    date: DumpDate | None = None
    target: str = ""  #: what it is linked to
    has_logo: bool = False
    jumps: bool = False  #: something was cut out before it
    row: int = 0  #: line of the dump
    block: int = 0  #: pieces of one block stand on one line or in one sentence
    images: tuple[str, ...] = ()


_COUNT = r"\d{1,3}(?:,\d{3}){1,3}|\d{1,9}(?:\.\d{1,3})?\s?[kKmM]?"
_SUM = rf"(?P<n>{_COUNT}|[-–—])"
_MARKS = r"[▲△⬆↑👍❤♥🔥⭐★☆💬🗨️\s:]*"
_FORMS = tuple(
    (kind, re.compile(form, re.IGNORECASE))
    for kind, form in (
        (Kind.COUNT, _SUM),
        (Kind.AUTHORS, r"(?P<n>\d{1,3}(?:,\d{3})*|\d{1,6})\s+authors?"),
        (Kind.VOTES, rf"(?:up-?votes?|votes?|likes?|[▲△⬆↑👍]\ufe0f?)\s*:?\s*{_SUM}"),
        (Kind.VOTES, rf"{_SUM}\s*(?:up-?votes?|votes?|likes?|[▲△⬆↑👍]\ufe0f?)"),
        (Kind.UPVOTE, r"up-?vote|[▲△⬆↑👍]\ufe0f?"),
        (Kind.COMMENTS, rf"[💬🗨]\ufe0f?\s*{_SUM}|comments?\s*:?\s*(?P<m>{_COUNT})"),
        (Kind.COMMENTS, rf"{_SUM}\s*(?:comments?|replies|[💬🗨]\ufe0f?)"),
        (Kind.STARS, rf"(?:link:\s*)?(?:github|(?:github\s+)?stars?|[⭐★☆]\ufe0f?)\s*[:·(⭐★☆]*\ufe0f?\s*{_SUM}\)?"),
        (Kind.STARS, rf"{_SUM}\s*(?:(?:github\s+)?stars?|[⭐★☆]\ufe0f?)"),
        (Kind.CODE, r"(?:link:\s*)?(?:github|code|repo|repository|source code|(?:view|get) code)"),
        (Kind.PROJECT, r"(?:link:\s*)?(?:project(?: page| website)?|website|homepage|demo|project link)"),
        (Kind.PAPER, (r"(?:link:\s*)?(?:(?:view )?(?:on )?arxiv(?: page| paper| link| pdf)?|(?:view |download )?pdf|"
                     r"(?:view |read )?paper(?: page| link)?|arxiv:\s?\S{4,20})")),
        (Kind.SUBMITTED, r"submitted by\s*:?\s*(?P<who>\S.{0,60}?)?(?:\s+on\s+(?P<date>[\w ,.-]{5,30}))?"),
        (Kind.PUBLISHED, r"(?:published|posted)(?: on)?\s*:?"),
        (Kind.DATE, r"(?:(?P<how>published|posted|submitted|on)(?: on)?\s*:?\s*)?(?P<date>[\w ,.-]{4,30})"),
        (Kind.CUT, (r"[\[(…. ]*(?:content|text|page|document|output|response)?[ ]?(?:was |has been |is )?truncated\b.{0,80}|"
                   r"[\[(]\s*(?:\.\.\.|…)\s*[\])]|…|\.\.\.|\[?\s*(?:cut|snip|continued?)\s*(?:…|\.\.\.)?\]")),
        (Kind.NOTHING, (r"(?:read|show|view|load|see) (?:more|all|paper|details)|share|save|bookmark|open|"
                       r"#?\d+ paper of the (?:day|week|month)|abstract|summary|authors?|links?|tl;?dr|"
                       r"\+\s?\d+(?: more)?|and \d+ more|new|copy (?:link|markdown)|ai-generated summary")),
    )
)  # fmt: skip
_LONGEST = 120
_DOT = re.compile(r"[·•|∙⋅]|&middot;")
_DOTS = re.compile(r"\s*(?:[·•|∙⋅]|&middot;)\s*")
_LOOSE = re.compile(r"^[\s,;]+(?:[-*•]\s+(?=\d))?|^[-*•]\s+(?=\d)|[\s,;]+$")
_BARE_URL = re.compile(r"https?://\S+|/papers/\S+")
_DIGIT_OR_SIGN = re.compile(r"[\d▲△⬆↑👍💬🗨⭐★☆…\[(.–—-]")
_FIRST_WORDS = frozenset(
    [
        "upvote",
        "up-vote",
        "upvotes",
        "vote",
        "votes",
        "like",
        "likes",
        "comments",
        "comment",
        "github",
        "star",
        "stars",
        "link:",
        "link",
        "code",
        "repo",
        "repository",
        "source",
        "view",
        "get",
        "project",
        "website",
        "homepage",
        "demo",
        "pdf",
        "arxiv",
        "paper",
        "download",
        "read",
        "submitted",
        "published",
        "posted",
        "show",
        "load",
        "see",
        "share",
        "save",
        "bookmark",
        "open",
        "abstract",
        "summary",
        "author",
        "authors",
        "links",
        "tl;dr",
        "tldr",
        "and",
        "new",
        "copy",
        "ai-generated",
        "truncated",
        "content",
        "text",
        "page",
        "document",
        "output",
        "response",
        "on",
        "cut",
        "snip",
        "continue",
        "continued",
    ]
)
_CODE_HOSTS = re.compile(
    r"https?://(?:www\.)?(?:github|gitlab|bitbucket|codeberg)\.(?:com|org)/[^/\s]+/[^/\s]+"
)
_VOTING = re.compile(r"/login\?(?:\S*?)next=(\S+)|/upvote|/vote\b")
_TALK = re.compile(r"#(?:community|comments?|discussion)")
_NAME = r"(?:[A-ZÀ-ÖØ-ÞĀ-Ž][\w'’.-]*|(?:de|van|von|der|den|da|di|la|le|del|bin|al|el|ten|dos|du)\b)"
_FULL_NAME = re.compile(rf"{_NAME}(?:[ ]{_NAME}){{1,4}}")
_BY = re.compile(r"(?:authors?\s*:|by)\s+", re.IGNORECASE)
_AND = re.compile(r"\s*,\s*(?:and\s+|&\s*)?|\s+and\s+|\s+&\s+|\s*;\s*")


@lru_cache(maxsize=8192)
def _form(text: str) -> tuple[Kind, int | None, DumpDate | None, str] | None:
    """Recognise a piece by its words alone: its kind, number, date, and name of a submitter."""
    first = text.split(maxsplit=1)[0].lower()
    if not _DIGIT_OR_SIGN.search(text) and first not in _FIRST_WORDS and first.strip(":") not in _FIRST_WORDS:
        return None
    for kind, form in _FORMS:
        match = form.fullmatch(text)
        if not match:
            continue
        groups = match.groupdict()
        date = parse_head_date(groups["date"]) if groups.get("date") else None
        if kind is Kind.DATE:
            if date is None:
                continue
            how = (groups["how"] or "").lower()
            return kind, None, date, how
        number = groups.get("n") or groups.get("m")
        return kind, shown_count(number.replace(" ", "")) if number else None, date, groups.get("who") or ""
    return None


def pieces(text: str, target: str) -> list[Piece]:
    """Take a short text apart at its dots, and say what each piece is."""
    found: list[Piece] = []
    dotted = _DOT.search(text)
    for number, part in enumerate(_DOTS.split(text) if dotted else [text]):
        if number:
            found.append(Piece(Kind.DOT))
        words = _LOOSE.sub("", part)
        if words:
            found.append(_piece(words, target))
    return found


def _piece(part: str, target: str) -> Piece:
    if _BARE_URL.fullmatch(part):
        return linked(part)
    form = _form(part) if len(part) <= _LONGEST else None
    if form is None:
        names = author_names(part)
        return Piece(Kind.NAMES if names else Kind.WORDS, part, target=target)
    kind, number, date, who = form
    piece = Piece(kind, who if kind in (Kind.SUBMITTED, Kind.DATE) else part, number, date, target)
    if kind is Kind.DATE and who == "submitted":
        piece.kind = Kind.NOTHING
    elif kind is Kind.COUNT:
        _by_target(piece)
    elif kind is Kind.CODE and number is None and not target:
        piece.kind = Kind.NOTHING
    return piece


def _by_target(piece: Piece) -> None:
    """A bare number is what its link is about."""
    if _TALK.search(piece.target):
        piece.kind = Kind.COMMENTS
    elif _VOTING.search(piece.target):
        piece.kind = Kind.VOTES
    elif _CODE_HOSTS.match(piece.target):
        piece.kind = Kind.STARS


def linked(target: str) -> Piece:
    """Say what a link without words is."""
    if _CODE_HOSTS.match(target):
        return Piece(Kind.CODE, target=target)
    if _VOTING.search(target):
        return Piece(Kind.NOTHING, "votes", target=target)
    if _TALK.search(target):
        return Piece(Kind.NOTHING, "comments", target=target)
    return Piece(Kind.PAPER if paper_of(target) else Kind.NOTHING, target=target)


@lru_cache(maxsize=4096)
def paper_of(target: str) -> str | None:
    """Give the arXiv id that an address names: a paper's page, or the page to log in and vote for it."""
    voting = _VOTING.search(target)
    if voting:
        target = unquote(voting[1] or "")
    if target.startswith("/"):
        target = f"https://huggingface.co{target}"
    return arxiv_id(target) if "://" in target else None


#: Characters of a list of names that is read.
LONGEST_NAMES = 20_000


def starts_with_names(text: str) -> bool:
    """Tell whether a text starts as a list of names does."""
    by = _BY.match(text)
    comma = _AND.search(text, by.end() if by else 0, 200)
    return comma is not None and bool(_FULL_NAME.fullmatch(text, by.end() if by else 0, comma.start()))


def author_names(text: str) -> tuple[str, ...]:
    """Read a list of two names or more; one name needs the word before it."""
    if len(text) > LONGEST_NAMES:
        return ()
    by = _BY.match(text)
    names = _AND.split(text[by.end() :] if by else text)
    if len(names) < (1 if by else 2) or any(not _FULL_NAME.fullmatch(name) for name in names):
        return ()
    return tuple(names)


def is_furniture(text: str) -> bool:
    """Tell whether all of a short line is of the page, and none of it of a title or an abstract."""
    if len(text) > _LONGEST or not text or (text.count(" ") > _MOST_SPACES and not _DOT.search(text)):
        return False
    return all(piece.kind not in _OF_TEXT for piece in pieces(text, ""))


#: Nothing that a page shows beside a text has more words.
_MOST_SPACES = 8
_OF_TEXT = {Kind.WORDS, Kind.PROSE, Kind.NAMES}

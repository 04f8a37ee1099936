"""Lines of a text dump, and what one line shows by itself: is it noise, a title, or part of an abstract?

The weights are points, not probabilities. They were set by hand on the seeds, on 743 papers of the API
laid out as text, and on damaged copies of both; the decoder only ever compares sums of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from digest.ingest.dates import parse_head_date

#: No title is as long (182 is the longest of 1,235), and hardly an abstract as short (405 in the seeds).
LONG = 300
#: Bytes that are split into lines at once.
_WINDOW = 1 << 18


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank."""

    number: int  #: from 1
    text: str  #: stripped
    after_blank: bool


def lines(data: bytes) -> Iterator[Line]:
    """Split lazily, skipping blank lines and a line that repeats the one before it."""
    number, blank, last = 0, False, ""
    for window in windows(data):
        for row in window.split("\n"):
            text, number = row.strip(), number + 1
            if text and text != last:
                yield Line(number, text, blank)
                last = text
            blank = not text


def windows(data: bytes) -> Iterator[str]:
    """Decode whole lines by the many: one by one costs as much as all that is done with them.

    The end of a window's last line is not of it, so that to split it by `\\n` gives the lines.
    """
    view, start = memoryview(data), 0
    while start < len(data):
        end = data.find(b"\n", start + _WINDOW)
        end = len(data) if end < 0 else end
        yield str(view[start:end], "utf-8")
        start = end + 1


_FULL_STOPS = frozenset(".!?…")
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]}*]*$|https?://\S+$")
_INNER_END = re.compile(r"(?<![A-Z])[a-z0-9%)\]]\. +[A-Z]")
_LONG_WORD = re.compile(r"[^\W\d_][\w'-]{3,}")
_WORD = re.compile(r"\w+")
_CUE_WORDS = (
    "we our this these which that is are was has have been can it its however propose present such while"
)
_CUES = frozenset(_CUE_WORDS.split())
_CONNECTIVE = re.compile(
    r"(?:\b(?:a|an|the|of|for|in|on|to|with|and|or|by|via|from|at|as|is|are|into|under|over|using|towards?|"
    r"through|between|beyond|without|against|within|across|vs\.?|be|can|that|your|not|than)|[,:(&/–—+-])$",
    re.IGNORECASE,
)
#: Characters to look at from the end: the longest of these words has 7, and one more tells where it starts.
_CONNECTIVE_LONGEST = 9
# Phrases, not words: papers are about privacy, e-mail, communities and your diffusion model, too.
_OPENING = re.compile(r"(?:We|This|These|In this|Our|Recently|Although|However)\b")
_PAGE = re.compile(
    r"\b(?:(?:your|by) (?:inbox|e-?mail)|inbox|subscribe(?:rs?|d)?|newsletter|sign (?:up|in|out)|log ?(?:in|out)|"
    r"cookie (?:policy|settings)|terms of|privacy policy|all rights|please|try again|click|javascript|"
    r"unsubscribe|follow us|contact us|powered by|made with|load more|show more|see all|read more|join us|"
    r"back to top|system theme|trending papers|daily papers|research community|welcome to|"
    r"(?:daily|weekly|morning) (?:digest|picks|reading))\b|[©®™]",
    re.IGNORECASE,
)
#: In lower case. Every phrase of `_PAGE` in ASCII has one of them, and to look for these takes a tenth of the time.
_PAGE_MARKS = (
    "mail", "inbox", "subscribe", "newsletter", "sign ", "log", "cookie ", "terms of", "privacy ", "all rights",
    "please", "try again", "click", "javascript", " us", "powered by", "made with", " more", "see all", "to top",
    "system theme", " papers", "community", "welcome to", "daily ", "weekly ", "morning ",
)  # fmt: skip
_TO_READER = re.compile(
    r"\b(?:you|your|today|this week|every (?:day|morning|week)|followers)\b", re.IGNORECASE
)
_MENU = re.compile(
    r"(?:new|previous|prev|next|privacy|terms|tos|about|about us|jobs|careers|contact|company|website|models|"
    r"datasets|spaces|docs|documentation|pricing|blog|home|papers|search|help|faq|imprint|legal|settings|"
    r"subscribe|submit|follow|share|menu|login|upvote|top|feed|rss|twitter|github|discord|status|api|"
    r"[«‹<←]*\s*(?:previous|prev|older|newer)|(?:next|older|newer)\s*[»›>→]*|page \d+(?: of \d+)?|"
    r"\W*\d+(?:\.\d+)?k?\W*(?:votes?|upvotes?|comments?|stars?|authors?)?|\W+)",
    re.IGNORECASE,
)
#: Shown by a button, and glued by scrapers to what follows it.
_BUTTON = re.compile(
    r"(Subscribe|Sign [Uu]p|Sign [Ii]n|Log [Ii]n|Login|Join(?: [Nn]ow| [Uu]s)?|Follow|Submit|Register|"
    r"Get [Ss]tarted|Notify [Mm]e|Search|Continue|Upvote|Read [Mm]ore|Show [Mm]ore|Papers)(?=[A-Z0-9]|[a-z]{1,2}[A-Z])[\w-]*"
)


def is_page(text: str) -> bool:
    """Tell whether a line is of the page around the papers: a menu, a date, words to the reader."""
    return _is_short_page(text) if len(text) < LONG else bool(_MENU.fullmatch(text))


@lru_cache(maxsize=1024)
def _is_short_page(text: str) -> bool:
    """The decoder asks several times in a row of one line; long ones would fill the memory."""
    return bool(_MENU.fullmatch(text) or parse_head_date(text) or _speaks_as_page(text))


def _speaks_as_page(text: str) -> bool:
    lowered = text.lower()
    for mark in _PAGE_MARKS:  # half the time of `any` with a generator, and every title comes by
        if mark in lowered:
            return bool(_PAGE.search(text))
    return not text.isascii() and bool(_PAGE.search(text))


def unglued(text: str, whole: str) -> str:
    """Drop a button's word that a scraper glued to a title: `SubscribeLong Winters` gives `Long Winters`.

    A name such as `SearchNet` stays, where `whole`, the text around, has it again.
    """
    match = _BUTTON.match(text)
    return text[match.end(1) :] if match and whole.count(match[0]) < 2 else text


def ends_sentence(text: str) -> bool:
    """Tell whether an abstract may end here."""
    return text[-1:] in _FULL_STOPS or bool(_SENTENCE_END.search(text[-200:]))


def has_sentences(text: str) -> bool:
    """Tell whether one sentence ends and another begins within a line."""
    return ". " in text and bool(_INNER_END.search(text))


def capital_share(text: str) -> float:
    """Share of the words of four letters and more that start with a capital, 0 to 1."""
    words = _LONG_WORD.findall(text)
    return len([word for word in words if word[0].isupper()]) / len(words) if words else 0.5


def has_cues(text: str) -> bool:
    """Tell whether a line has a word that sentences have and titles hardly."""
    return not _CUES.isdisjoint(_WORD.findall(text))


def starts_lower(text: str) -> bool:
    """Tell whether the first word is plain lower case; `kNN` and `iForest` are names."""
    return text.split(maxsplit=1)[0].islower() and text[0].isalpha()


def hangs(text: str) -> bool:
    """Tell whether a line cannot be the end of a title or sentence."""
    return bool(_CONNECTIVE.search(text[-_CONNECTIVE_LONGEST:])) or text.count("(") > text.count(")")


def as_title(text: str) -> float:
    """Weigh a line as the first of a title."""
    share = capital_share(text)
    return by_marks(text) - has_cues(text) + (share >= 0.6) - (share < 0.25)


#: The words of a line take as many points at most from what its marks weigh.
WORDS_TAKE = 2.0


def by_marks(text: str) -> float:
    """Weigh a line as the first of a title without a look at each of its words, which is slow."""
    points = 2.0
    points -= 4 * (text.endswith(".") and not text.endswith("..."))
    points -= 5 * has_sentences(text)
    points -= 3 * starts_lower(text)
    points -= 1.5 * (len(text) < 12) + 2 * (" " not in text) + 3 * (len(text) > 200)
    return points - 6 * is_page(text) - 3 * bool(_OPENING.match(text))


def as_body(text: str) -> float:
    """Weigh a line as of an abstract, wherever in it."""
    if len(text) >= LONG:
        return 8.0
    share = capital_share(text)
    points = 2.0 * (len(text) > 120) + 2.0 * (len(text) > 200) - (len(text) < 50)
    points += 1.5 * has_cues(text) + 2 * has_sentences(text)
    points += 1.5 * (text.endswith(".") and len(text) > 60) - 3 * bool(_MENU.fullmatch(text))
    return points + 1.5 * (share < 0.35) - 1.5 * (share >= 0.6)


def as_abstract(text: str) -> float:
    """Weigh a line as the first of an abstract."""
    points = as_body(text) - 1 + 2 * bool(_OPENING.match(text)) - 4 * starts_lower(text)
    return points - (2 * (len(text) < 50) + 6 * is_page(text)) * (len(text) < LONG)


def as_noise(text: str) -> float:
    """Weigh a line as one of the page around the papers."""
    page = is_page(text)
    if len(text) >= LONG:
        return 9.0 * page - 8.0
    points = 4.0 * page + (len(text) < 20) + text.endswith("!") + bool(_TO_READER.search(text))
    return points - 1.5 * (len(text) > 120) * (not page)

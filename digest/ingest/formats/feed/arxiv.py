"""What arXiv puts around titles and abstracts in its feeds, and what it says there.

Source:
    https://info.arxiv.org/help/rss.html (since 2024: `arXiv:2401.01234v1 Announce Type: new` and `Abstract:`
    before the abstract); until then, RDF with `(arXiv:2401.01234v1 [cs.LG] UPDATED)` behind the title;
    https://info.arxiv.org/help/api/user-manual.html; https://info.arxiv.org/help/withdraw.html.
"""

from __future__ import annotations

import re

from digest.ingest.formats.feed.entry import Entry
from digest.ingest.record import Announced

#: Characters; what stands further on is not looked at.
_LONGEST = 2_000
_PREAMBLE = re.compile(
    r"\s*arXiv:(?P<id>\S{1,40})\s+Announce Type:\s*(?P<type>[a-z-]{1,20})\s*(?:Abstract:\s*)?", re.IGNORECASE
)
_SUFFIX = re.compile(
    r"(?P<stop>\.?)\s*\(arXiv:(?P<id>[^\s()]{1,40})(?:\s+\[(?P<category>[A-Za-z.-]{1,30})\])?"
    r"(?P<notes>(?:\s+(?:UPDATED|CROSS LISTED))*)\)\s*\Z"
)
_CATEGORY = re.compile(r"[a-z]+(?:-[a-z]+)*(?:\.[A-Za-z]{2}|\.[a-z]+(?:-[a-z]+)*)?")
_HOST = re.compile(r"https?://(?:[\w-]+\.)*arxiv\.org(?:[:/?#]|\Z)", re.IGNORECASE)
_ERROR = re.compile(r"https?://(?:[\w-]+\.)*arxiv\.org/api/errors", re.IGNORECASE)
_WHAT = r"(?:this|the|our) (?:arxiv )?(?:paper|article|submission|manuscript|work|preprint|version|e-?print|draft|note)"
_GONE = rf"{_WHAT}(?: \([^()]{{1,40}}\))? (?:has been|have been|was|is|is being) (?:temporarily )?withdrawn\b"
# Withdrawn from a conference is not withdrawn from arXiv.
_KEPT = r"(?! from (?!(?:the )?arxiv))"
_WITHDRAWN_TEXT = re.compile(rf"\s*{_GONE}{_KEPT}", re.IGNORECASE)
_WITHDRAWN_COMMENT = re.compile(
    rf"(?:\A|[.;:,]\s)\s*(?:{_GONE}{_KEPT}|withdrawn\b(?=\s*(?:\Z|[.:;,(]|by\b|due\b|because\b|as\b|since\b)))",
    re.IGNORECASE,
)
_TYPES = {
    **{kind.value: kind for kind in Announced},
    # A change of the abstract alone: of a known paper, so it must not pass for a new one.
    "absonly": Announced.REPLACE,
}


def is_arxiv(address: str) -> bool:
    """Tell an address of arXiv."""
    return bool(_HOST.match(address[:_LONGEST]))


def has_marks(entry: Entry) -> bool:
    """Tell an entry as only arXiv writes it."""
    if entry.announced or entry.primary or any(name.startswith("oai:arXiv.org:") for name in entry.names):
        return True
    return without_suffix(entry.title.raw) is not None


def is_error(identifier: str) -> bool:
    """Tell the id of an entry that is no paper but a complaint of the query API."""
    return bool(_ERROR.match(identifier[:_LONGEST]))


def announced(text: str) -> Announced | None:
    """Read the type of an announcement."""
    return _TYPES.get(text.strip().lower())


def is_category(text: str) -> bool:
    """Tell a category, such as `cs.LG` or `hep-th`, from a class of ACM's or MSC's."""
    return bool(_CATEGORY.fullmatch(text))


def without_preamble(text: str) -> tuple[str, str, str] | None:
    """Part a description into the paper's id, the announcement and the abstract; None where it is no such."""
    match = _PREAMBLE.match(text)
    return (match["id"], match["type"], text[match.end() :]) if match else None


def without_suffix(title: str) -> tuple[str, str, str, str] | None:
    """Part an older title into id, category, announcement and title; None where it is no such.

    The full stop behind the title was put there by arXiv.
    """
    match = _SUFFIX.search(title, max(0, len(title) - 200))
    if not match:
        return None
    notes = match["notes"]
    kind = "replace" if "UPDATED" in notes else "cross" if "CROSS" in notes else "new"
    return match["id"], match["category"] or "", kind, title[: match.start()].rstrip()


def is_withdrawn(abstract: str, comment: str) -> bool:
    """Tell whether arXiv's own words prove that a paper is withdrawn.

    Proof is the sentence that arXiv's help asks for, "This paper has been withdrawn", at the beginning of
    the abstract; or at the beginning of a sentence of the authors' comments, where "Withdrawn by the author"
    will do too. No proof is the word anywhere else (papers are written about withdrawn papers), in a title,
    a withdrawal from a conference, or a comment that only says what is wrong with the paper.
    """
    return bool(_WITHDRAWN_TEXT.match(abstract[:_LONGEST]) or _WITHDRAWN_COMMENT.search(comment[:_LONGEST]))

"""arXiv identifiers and their versions."""

from __future__ import annotations

import re

# YYMM.NNNN until 2014, YYMM.NNNNN since; before April 2007 archive/YYMMNNN, with a subject class at times. No archive
# has a longer name than `quant-ph` or `physics`, and an index holds no id of any length.
_NEW = r"\d{2}(?:0[1-9]|1[0-2])\.\d{4,5}"
_OLD = r"[a-z]{1,8}(?:-[a-z]{1,8})?(?:\.[A-Z]{2})?/\d{2}(?:0[1-9]|1[0-2])\d{3}"
_SITES = (
    r"(?:arxiv\.org/(?:abs|pdf|html|format|ps|src)|(?:huggingface\.co|hf\.co)/papers|"
    r"alphaxiv\.org/(?:abs|overview|pdf)|ar5iv(?:\.labs\.arxiv)?\.org/(?:abs|html)|tldr\.takara\.ai/p)/"
)
# arXiv's DOIs name papers by their ids; so do the names of its records, in feeds and in OAI-PMH.
_NAMES = (
    r"(?:oai:)?(?i:arxiv)(?:\.org)?:\s?|(?:(?:https?://)?(?:dx\.)?doi\.org/|doi:\s?)?10\.48550/(?i:arxiv)\."
)
_ID = re.compile(
    rf"(?:(?:https?://)?(?:www\.|export\.)?{_SITES}|{_NAMES})?"
    rf"(?P<id>{_NEW}|{_OLD})(?:v(?P<version>\d{{1,4}}))?(?:\.pdf)?/?(?:[?#]\S*)?",
    re.ASCII,
)
_SUBJECT_CLASS = re.compile(r"\.[A-Z]{2}/")


def arxiv_id(text: str) -> str | None:
    """Normalise an identifier, or the address of a paper's page; None where the text is neither.

    `2401.01234v2`, `arXiv:2401.01234` and `https://arxiv.org/abs/2401.01234` give `2401.01234`;
    `cs/0112017v1` gives `cs/0112017`, and so does `cs.LG/0112017`.

    Source:
        https://info.arxiv.org/help/arxiv_identifier.html
    """
    found = versioned_id(text)
    return found[0] if found else None


def versioned_id(text: str) -> tuple[str, int | None] | None:
    """Give the normalised identifier and the version it is of, None where none is named."""
    match = _ID.fullmatch(text.strip())
    if not match:
        return None
    version = int(match["version"] or 0)
    return _SUBJECT_CLASS.sub("/", match["id"]), version or None


def paper_url(identifier: str) -> str:
    """Give the page of a paper from its normalised arXiv id."""
    return f"https://arxiv.org/abs/{identifier}"

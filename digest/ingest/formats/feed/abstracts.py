"""Which text of an entry is its abstract, which a mere teaser, and whether a text reads like an abstract."""

from __future__ import annotations

import re
from collections.abc import Sequence

from digest.ingest.formats.feed.entry import Text
from digest.ingest.formats.feed.prose import is_post, plain

#: Characters of plain text: less is a teaser,
_SHORTEST = 200
#: and more, where no id vouches for it, an article.
_LONGEST = 6_000
_TEASER = re.compile(r"(?:\.\.\.|…|\[…\]|\[\.\.\.\]|(?:read|see) more)[\s.»>→)]*\Z", re.IGNORECASE)
# The daily papers put a machine's line before the abstract, and feeds of them keep the layout.
_MACHINE = re.compile(r"\s*(?P<line>[^\t]{1,1000}?)\s*\t\s*AI-generated summary\s*\t\s*(?P<abstract>\S)")
_LABEL = re.compile(
    r"(?i:abstract|summary)(?:\s*[:.—–]\s*|\s+-\s+|\s*\n\s*)|(?:ABSTRACT|SUMMARY)\s+(?=[A-Z])"
)
# Lines that publishers put before an abstract, or in its place.
_CITATION = re.compile(
    r"(?:Publication date|Source|Author\(s\)|Available online|Published online)\s*:[^\n]*|"
    r"[^\n]{1,200}, (?:Published online: |Volume \d)[^\n]{0,200}"
)
_SAYS = re.compile(
    r"\bwe (?:\w+ly )?(?:propose|present|introduce|show|study|develop|describe|prove|find|found|demonstrate|"
    r"investigate|evaluate|consider|analy[sz]e|report|examine|explore|derive|establish|address|conduct|review)\b|"
    r"\b(?:this|the present) (?:paper|article|study|thesis|survey)\b|"
    r"\bin this (?:paper|work|article|study|survey)\b|"
    r"\b(?:results|experiments|simulations|findings) (?:show|demonstrate|suggest|indicate|on|reveal)\b",
    re.IGNORECASE,
)
_SPEAKS_OF = re.compile(
    r"\b(accuracy|algorithms?|approach|baselines?|benchmarks?|convergence|datasets?|estimat(?:e|es|ion|or)|"
    r"evaluations?|experiments?|framework|hypothes[ie]s|methods?|models?|novel|observations?|outperforms?|"
    r"performance|proofs?|proposed?|results|simulations?|state-of-the-art|theorems?|theory|training)\b",
    re.IGNORECASE,
)
#: Different words of the last kind.
_ENOUGH = 3
_POST = re.compile(
    r"\b(?:in this|this|our|my|last|previous|latest) (?:blog |guest )?"
    r"(?:post|newsletter|podcast|episode|tutorial|issue|edition)\b|"
    r"\b(?:subscribe|sign up|click here|continue reading|first appeared on|comments? below|stay tuned|read more)\b|"
    r"\b(?:I['’]m|I['’]ve|I['’]d|I['’]ll|you['’]ll|you['’]re|we['’]ll|let['’]s)\b",
    re.IGNORECASE,
)


def shown(text: Text, *, of_arxiv: bool) -> str:
    """Give plain text. arXiv's is full of formulas and never HTML, but for the paragraphs it had until 2024."""
    if text.is_html and not (of_arxiv and "<p" not in text.raw):
        return plain(text.raw)
    return " ".join(line for line in map(str.strip, text.raw.split("\n")) if line)


def abstract_and_summary(texts: Sequence[Text], *, of_arxiv: bool) -> tuple[str, str]:
    """Give the abstract, and a shorter text where there is one; a teaser is no abstract.

    arXiv's text is the abstract, however short. A longer text that begins with the abstract is taken for it.
    """
    if of_arxiv:
        return next((shown(text, of_arxiv=True) for text in texts), ""), ""
    abstract = summary = ""
    for text in texts:
        line, rest = _without_machine(text)
        summary = summary or line
        found = _bare(shown(rest, of_arxiv=False))
        if len(found) < _SHORTEST or _TEASER.search(found, len(found) - 100):
            summary = summary or found
        elif not abstract or (len(found) <= _LONGEST and found.startswith(abstract)):
            abstract = found
    return abstract, summary


def reads_like_an_abstract(abstract: str, texts: Sequence[Text]) -> bool:
    """Tell an abstract from a post, by how it is laid out and by what it speaks of (in English)."""
    if (
        not _SHORTEST <= len(abstract) <= _LONGEST
        or _POST.search(abstract)
        or any(is_post(text.raw) for text in texts)
    ):
        return False
    words = {word.lower() for word in _SPEAKS_OF.findall(abstract)}
    return len(words) >= _ENOUGH or _SAYS.search(abstract) is not None


def _without_machine(text: Text) -> tuple[str, Text]:
    machine = _MACHINE.match(text.raw[:2_000])
    if not machine:
        return "", text
    line = shown(Text(raw=machine["line"], is_html=text.is_html), of_arxiv=False)
    return line, Text(raw=text.raw[machine.start("abstract") :], is_html=text.is_html)


def _bare(text: str) -> str:
    """Drop the word "Abstract", and the lines that only cite."""
    bare = "\n".join(line for line in text.split("\n") if not _CITATION.fullmatch(line))
    label = _LABEL.match(bare)
    return bare[label.end() :] if label else bare

"""A reader's rules: words, or `author:NAME`, that bring a paper in or keep it out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from digest.rank import authors
from digest.rank.phrases import Matcher, Phrase, Text

_AUTHOR = "author:"


def author_name(rule: str) -> str | None:
    """Return the name that an author rule asks for; None for a rule of words."""
    start = rule.lstrip()[: len(_AUTHOR)]
    return rule.strip()[len(_AUTHOR) :].strip() if start.casefold() == _AUTHOR else None


class RuleIndex:
    """The papers of an edition, ready to be asked by rules; each column is a paper, in the order given."""

    def __init__(self, papers: Sequence[Text], names: Sequence[Sequence[str]]) -> None:
        """Index papers.

        Args:
            papers: Title and abstract of each paper.
            names: The authors of each paper, in the same order.
        """
        self._papers = papers
        self._authors: dict[str, list[tuple[int, str, authors.Name]]] = defaultdict(list)
        for column, row in enumerate(names):
            for written in row:
                name = authors.read(written)
                self._authors[name.key].append((column, written, name))

    def meet(self, rules: Iterable[str]) -> dict[str, Mapping[int, str]]:
        """Return which papers each rule meets, all in one pass over the papers.

        Words must stand in the title or in the abstract, whole and in sequence, as `rank.phrases` reads
        them; a rule that it refuses (no word in it) meets nothing. Names are compared by `authors.same`.

        Returns:
            For each rule: column -> the paper's own words, or its author as written, where they stand first.
        """
        asked = dict.fromkeys(rules)
        met: dict[str, dict[int, str]] = {rule: {} for rule in asked}
        phrases = [rule for rule in asked if author_name(rule) is None and _readable(rule)]
        matcher = Matcher(zip(phrases, phrases, strict=True))
        for column, text in enumerate(self._papers if phrases else ()):
            for hit in matcher.find(text):
                met[hit.key][column] = hit.written
        for rule in asked:
            name = author_name(rule)
            if name is not None:
                met[rule] = self._written_by(authors.read(name))
        return dict(met)

    def _written_by(self, wanted: authors.Name) -> dict[int, str]:
        found: dict[int, str] = {}
        for column, written, name in self._authors.get(wanted.key, ()):
            if column not in found and authors.same(wanted, name):
                found[column] = written
        return found


def _readable(phrase: str) -> bool:
    try:
        Phrase.of(phrase)
    except ValueError:
        return False
    return True

"""The taxonomy: what may be chosen as a topic, and which topics a paper is about."""

from __future__ import annotations

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from digest.errors import TaxonomyError
from digest.rank.phrases import Hit, Matcher, Phrase, Text

#: What a mention leaves of the doubt that the paper is about the topic.
_TITLE_DOUBT = 0.4
_ABSTRACT_DOUBT = 0.8
#: What a supporting phrase counts beside a full one.
_SUPPORT = 0.5
#: The second and third mention of a phrase in an abstract count half, later ones nothing: a paper that says
#: one word thrice is no surer than one that says two.
_REPEAT = 0.5
_MENTIONS = 3
#: Between two mentions of one alias in an abstract (0.284…) and of two aliases (0.36).
BAR = 0.35

_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LISTS = ("aliases", "in_title", "weak", "exclude")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Topics that stand together on the preferences page."""

    id: str  #: lower-case words joined by hyphens
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One thing that a reader may choose."""

    id: str  #: lower-case words joined by hyphens; stored with readers, so it never changes
    group: str  #: id of its group
    label: str
    about: str  #: one line for the reader who chooses
    aliases: tuple[str, ...]  #: phrases as `rank.phrases` reads them; they count in full
    in_title: tuple[str, ...] = ()  #: phrases that name the topic in a title; in an abstract they support
    weak: tuple[str, ...] = ()  #: phrases that only support: they count half, beside a full one
    exclude: tuple[str, ...] = ()  #: phrases that veto the topic wherever they stand

    @property
    def phrases(self) -> tuple[str, ...]:
        return self.aliases + self.in_title + self.weak + self.exclude


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicMatch:
    """A topic that a paper is about."""

    topic_id: str
    score: float  #: `BAR` to 1
    words: tuple[str, ...]  #: the paper's own words that met it, in the order in which they stand


@dataclass(frozen=True, slots=True, kw_only=True)
class Taxonomy:
    """All topics, in the order of the file. `parse` makes it."""

    groups: tuple[Group, ...]
    topics: tuple[Topic, ...]
    _matcher: Matcher[str] = field(repr=False, compare=False)

    def match(self, title: str, abstract: str) -> tuple[TopicMatch, ...]:
        """Return the topics that a paper is about, highest score first, then by id.

        The score is ``1 - 0.4**T * 0.8**A``. ``T`` adds up the distinct phrases in the title, ``A`` those in
        the abstract, where the second and third mention of a phrase add half as much as the first, and more
        add nothing. An alias counts 1, an `in_title` phrase 1 in the title and 1/2 in the abstract, a weak
        phrase 1/2. Left out are topics below `BAR` (0.35), those met by halves only, and those with one of
        their `exclude` phrases anywhere in the paper.

        ==================================================  ====  ====  ===========
        the paper has                                       T     A     score
        ==================================================  ====  ====  ===========
        one alias in the abstract                           0     1     0.2, out
        the same alias twice there                          0     1.5   0.284…, out
        the same alias three times, or thirty               0     2     0.36
        two aliases there                                   0     2     0.36
        one alias and one weak phrase there, each twice     0     2.25  0.394…
        one alias in the title                              1     0     0.6
        the same, and three times in the abstract           1     2     0.744
        an `in_title` phrase in both                        1     0.5   0.642…
        a weak phrase in the title, an alias in both        1.5   1     0.797…
        three weak phrases in the title                     1.5   0     0.747…, out
        ==================================================  ====  ====  ===========
        """
        found: dict[str, list[Hit[str]]] = defaultdict(list)
        for hit in self._matcher.find(Text.of(title, abstract)):
            found[hit.key].append(hit)
        matches = [_judge(topic, found[topic.id]) for topic in self.topics if topic.id in found]
        return tuple(sorted((m for m in matches if m.score >= BAR), key=lambda m: (-m.score, m.topic_id)))


def _judge(topic: Topic, hits: list[Hit[str]]) -> TopicMatch:
    """Score one topic by its hits; a veto, or nothing but halves, scores 0."""
    vetoed = any(hit.phrase in topic.exclude for hit in hits)
    named = any(_names(topic, hit) for hit in hits)
    score = _score(topic, hits) if named and not vetoed else 0.0
    return TopicMatch(topic_id=topic.id, score=score, words=tuple(hit.written for hit in hits))


def _names(topic: Topic, hit: Hit[str]) -> bool:
    return hit.phrase in topic.aliases or (hit.in_title and hit.phrase in topic.in_title)


def _score(topic: Topic, hits: list[Hit[str]]) -> float:
    in_title = in_abstract = 0.0
    for hit in hits:
        full = hit.phrase in topic.aliases
        if hit.in_title:
            in_title += 1 if full or hit.phrase in topic.in_title else _SUPPORT
        if hit.abstract:
            mentions = 1 + _REPEAT * (min(hit.abstract, _MENTIONS) - 1)
            in_abstract += mentions if full else _SUPPORT * mentions
    return float(1 - _TITLE_DOUBT**in_title * _ABSTRACT_DOUBT**in_abstract)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How well a taxonomy spreads over papers: what `digest topics check` prints."""

    papers: int
    met_one: int  #: papers with at least one topic
    more_than_six: int  #: papers with seven topics or more
    mean: float  #: topics of a paper; 0 without papers
    per_topic: Mapping[str, int]  #: papers of every topic, in the order of the file
    empty: tuple[str, ...]  #: topics without a paper, in the order of the file


def coverage(taxonomy: Taxonomy, papers: Iterable[tuple[str, str]]) -> Coverage:
    """Count the topics of papers, each given as title and abstract."""
    matches = [taxonomy.match(title, abstract) for title, abstract in papers]
    met = Counter(match.topic_id for row in matches for match in row)
    return Coverage(
        papers=len(matches),
        met_one=sum(len(row) >= 1 for row in matches),
        more_than_six=sum(len(row) > 6 for row in matches),
        mean=met.total() / max(1, len(matches)),
        per_topic={topic.id: met[topic.id] for topic in taxonomy.topics},
        empty=tuple(topic.id for topic in taxonomy.topics if not met[topic.id]),
    )


def parse(text: str) -> Taxonomy:
    """Read a taxonomy; the head of `config/topics.toml` documents the format.

    Raises:
        TaxonomyError: Not TOML, or a rule of the format is broken; the text names the entry.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TaxonomyError(f"not TOML: {error}") from error
    _only(document, {"groups", "topics"}, "the file")
    groups = tuple(_group(table, at) for at, table in enumerate(_tables(document, "groups"), start=1))
    topics = tuple(_topic(table, at) for at, table in enumerate(_tables(document, "topics"), start=1))
    _no_two("group", [group.id for group in groups])
    _no_two("topic", [topic.id for topic in topics])
    for topic in topics:
        if topic.group not in {group.id for group in groups}:
            raise TaxonomyError(f"topic {topic.id}: there is no group {topic.group!r}")
    pairs = ((topic.id, phrase) for topic in topics for phrase in topic.phrases)
    return Taxonomy(groups=groups, topics=topics, _matcher=Matcher(pairs))


def _group(table: dict[str, Any], at: int) -> Group:
    name = _id(table, f"group number {at}")
    _only(table, {"id", "label"}, f"group {name}")
    return Group(id=name, label=_line(table, "label", f"group {name}"))


def _topic(table: dict[str, Any], at: int) -> Topic:
    name = _id(table, f"topic number {at}")
    where = f"topic {name}"
    _only(table, {"id", "group", "label", "about", *_LISTS}, where)
    topic = Topic(
        id=name,
        group=_line(table, "group", where),
        label=_line(table, "label", where),
        about=_line(table, "about", where),
        aliases=_lines(table, "aliases", where),
        in_title=_lines(table, "in_title", where),
        weak=_lines(table, "weak", where),
        exclude=_lines(table, "exclude", where),
    )
    if not topic.aliases:
        raise TaxonomyError(f"{where}: aliases is empty")
    _check_phrases(topic)
    return topic


def _check_phrases(topic: Topic) -> None:
    """Refuse a phrase that cannot be read, and one that says what another of the topic says already."""
    seen: dict[object, str] = {}
    for phrase in topic.phrases:
        try:
            parts = Phrase.of(phrase).parts
        except ValueError as error:
            raise TaxonomyError(f"topic {topic.id}: {error}") from error
        if parts in seen:
            raise TaxonomyError(f"topic {topic.id}: {phrase!r} says the same as {seen[parts]!r}")
        seen[parts] = phrase


def _tables(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    tables = document.get(name)
    if not isinstance(tables, list) or not tables or not all(isinstance(t, dict) for t in tables):
        raise TaxonomyError(f"the file: at least one [[{name}]] is needed")
    return tables


def _only(table: dict[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(table.keys() - known):
        raise TaxonomyError(f"{where}: unknown key {unknown[0]!r}")


def _id(table: dict[str, Any], where: str) -> str:
    name = _line(table, "id", where)
    if not _ID.fullmatch(name):
        raise TaxonomyError(f"{where}: {name!r} is not an id: lower-case words joined by hyphens")
    return name


def _line(table: dict[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise TaxonomyError(f"{where}: {key} must be a line of text")
    return value


def _lines(table: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
        raise TaxonomyError(f"{where}: {key} must be a list of phrases")
    return tuple(value)


def _no_two(what: str, ids: list[str]) -> None:
    for name, times in Counter(ids).items():
        if times > 1:
            raise TaxonomyError(f"{what} {name}: the id stands {times} times")

"""`digest bench planning`: choosing everyone's papers beside the bare arithmetic, and beside a plain loop that must agree.

In processor time, since that is what planning takes; ratios hold on a machine that does other things too.
"""

from __future__ import annotations

import datetime as dt
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from digest.bench.sink import BenchError
from digest.pipeline.plan import CHUNK
from digest.rank.interests import InterestIndex
from digest.rank.phrases import Text
from digest.rank.ranker import Ranker
from digest.rank.rules import RuleIndex
from digest.rank.scores import MILLION, RELEVANCE, TREND, millionths, strength
from digest.rank.selection import EditionPaper, Selection
from digest.rank.topics import Taxonomy, Topic, parse
from digest.rank.wishes import Wishes
from digest.settings import packaged
from digest.subscribers.subscriber import Profile

#: What is measured, by the names that seconds have.
SCORING = "scoring"  #: NumPy alone: strengths, scores, and the ten best of each reader
SELECT = "select"  #: what planning does: profiles in, picks with their reasons out
NAIVE = "naive"  #: a plain loop over readers and papers, counted up from a sample

#: Readers scored together by the bare arithmetic: more bring nothing, and 2,048 cost it a third more time.
_CHUNK = 4_096
_BEST = 10
_TOPICS = 3
_DAY = dt.date(2001, 1, 1)
_WORDS = (
    "harvest", "orchard", "meadow", "anvil", "bellows", "candle", "drum", "ferry", "goose", "hammer", "island", "kettle",
)  # fmt: skip

Picked = tuple[tuple[tuple[int, float], ...], int]  #: (paper, score) of each pick, and the leftover


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to measure, and how much of it."""

    readers: int = 100_000
    papers: int = 200
    rounds: int = 5
    sample: int = 1_000  #: readers of the plain loop


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a run found; that the plain loop agreed is certain by then."""

    picks: int  #: of all readers
    compared: int  #: readers whose picks and scores the plain loop worked out too
    seconds: dict[str, tuple[float, ...]]  #: of processor time, in the order of the rounds

    def ratio(self, name: str, other: str) -> float:
        """How many times the processor time of the other one takes, by their medians."""
        return statistics.median(self.seconds[name]) / statistics.median(self.seconds[other])


def measure(
    options: Options,
    *,
    on_seconds: Callable[[int, str, float], None] = lambda _round, _name, _seconds: None,
) -> Measured:
    """Measure round by round: scoring alone, then the whole choice. What papers meet is known beforehand.

    Args:
        on_seconds: Called with the round, the name and its seconds, after each.

    Raises:
        BenchError: The plain loop gives a reader other papers, or other scores.
    """
    taxonomy = parse((packaged("config") / "topics.toml").read_text(encoding="utf-8"))
    papers = list(invented_papers(taxonomy, options.papers))
    profiles = list(invented_profiles(taxonomy, options.readers))
    score = _scoring(papers, profiles, taxonomy)
    ranker = Ranker(papers, taxonomy)
    step = max(1, len(profiles) // options.sample)
    picks, sampled = _looked_at(_chosen(ranker, profiles), step)
    seconds: dict[str, list[float]] = {SCORING: [], SELECT: []}
    for number in range(1, options.rounds + 1):
        for name, run in ((SCORING, score), (SELECT, lambda: sum(1 for _ in _chosen(ranker, profiles)))):
            seconds[name].append(_seconds(run))
            on_seconds(number, name, seconds[name][-1])
    plain, naive_s = naive(papers, profiles[::step], taxonomy)
    check(profiles[::step], sampled, plain)
    seconds[NAIVE] = [naive_s * len(profiles) / len(plain)]
    return Measured(
        picks=picks,
        compared=len(plain),
        seconds={name: tuple(found) for name, found in seconds.items()},
    )


def check(profiles: Sequence[Profile], chosen: Sequence[Selection], plain: Sequence[Picked]) -> None:
    """A time counts only if the plain loop gives each reader the same papers, with the same scores."""
    for profile, selection, expected in zip(profiles, chosen, plain, strict=True):
        found = (tuple((pick.paper_id, pick.score) for pick in selection.picks), selection.leftover)
        if found != expected:
            raise BenchError(f"{profile}: chosen were {found}, and by a plain loop {expected}")


def _chosen(ranker: Ranker, profiles: Sequence[Profile]) -> Iterator[Selection]:
    """Choose for as many at a time as planning does, who were mailed nothing so far."""
    for start in range(0, len(profiles), CHUNK):
        some = profiles[start : start + CHUNK]
        yield from ranker.select(some, mailed=[()] * len(some))


def _looked_at(chosen: Iterator[Selection], step: int) -> tuple[int, list[Selection]]:
    """Count the picks, and keep one selection in so many."""
    picks, kept = 0, []
    for at, selection in enumerate(chosen):
        picks += len(selection.picks)
        if at % step == 0:
            kept.append(selection)
    return picks, kept


def naive(
    papers: Sequence[EditionPaper], profiles: Sequence[Profile], taxonomy: Taxonomy
) -> tuple[list[Picked], float]:
    """Choose in plain Python, reader by reader and paper by paper; returns the seconds that it took, too."""
    texts = [Text.of(paper.title, paper.abstract) for paper in papers]
    scores: dict[str, dict[int, float]] = {topic.id: {} for topic in taxonomy.topics}
    for column, paper in enumerate(papers):
        for match in taxonomy.match(paper.title, paper.abstract):
            scores[match.topic_id][column] = match.score
    index = InterestIndex(texts)
    for interest in dict.fromkeys(interest for profile in profiles for interest in profile.interests):
        scores[f"interest {interest}"] = {
            column: match.score for column, match in index.match(interest).items()
        }
    rules = [rule for profile in profiles for rule in (*profile.include, *profile.exclude)]
    for rule, met in RuleIndex(texts, [paper.authors for paper in papers]).meet(rules).items():
        scores[f"rule {rule}"] = dict.fromkeys(met, 1.0)
    started = time.process_time()
    found = [_one(papers, profile, scores) for profile in profiles]
    return found, time.process_time() - started


def _one(papers: Sequence[EditionPaper], profile: Profile, scores: dict[str, dict[int, float]]) -> Picked:
    wanted = [
        *(scores[topic] for topic in profile.topics),
        *(scores[f"interest {interest}"] for interest in profile.interests),
        *(scores[f"rule {rule}"] for rule in profile.include),
    ]
    unwanted = [scores[f"rule {rule}"] for rule in profile.exclude]
    ranked: list[tuple[int, int, int]] = []
    for column, paper in enumerate(papers):
        met = [strength(each[column]) for each in wanted if column in each]
        if (met or not wanted) and not any(column in each for each in unwanted):
            relevance = min(sqrt(sqrt(sum(met) / strength(1.0))), 1.0)
            score = RELEVANCE * relevance + TREND * (paper.trend / (1.0 + paper.trend))
            ranked.append((-round(score * MILLION), paper.place, paper.paper_id))
    ranked.sort()
    picks = tuple((paper_id, -score / MILLION) for score, _, paper_id in ranked[: profile.cap])
    return picks, max(len(ranked) - profile.cap, 0)


def _scoring(
    papers: Sequence[EditionPaper], profiles: Sequence[Profile], taxonomy: Taxonomy
) -> Callable[[], None]:
    """The bare arithmetic: every reader's score of every paper, and each reader's ten best; no rules, no reasons."""
    wishes = Wishes(papers, taxonomy)
    wanted = [wants.wanted for wants in wishes.of(profiles)]
    trends = np.array([paper.trend for paper in papers], dtype=np.float64)
    best = min(_BEST, len(papers))

    def score() -> None:
        for start in range(0, len(wanted), _CHUNK):
            totals = wishes.asked(wanted[start : start + _CHUNK]).totals()
            scores = np.where(totals > 0, millionths(totals, trends), -1)
            np.sort(np.partition(scores, len(papers) - best, axis=1)[:, -best:], axis=1)

    return score


def invented_papers(taxonomy: Taxonomy, count: int) -> Iterator[EditionPaper]:
    """Papers of one edition that meet one topic to six each, two to three on average, as the daily papers do."""
    chance = random.Random(1)  # noqa: S311 # invented papers keep no secret
    topics = _by_fashion(taxonomy, chance)
    for number in range(1, count + 1):
        first, *others = next(topics)[: chance.choice((1, 2, 2, 3, 3, 4))]
        abstract = "".join(f"We study {_alias(topic, chance)}. " * 3 for topic in others)
        yield EditionPaper(
            edition_id=1,
            edition_date=_DAY,
            paper_id=number,
            revision_id=number,
            title=f"{_alias(first, chance)} with {' and '.join(chance.sample(_WORDS, 3))}",
            abstract=abstract,
            authors=(f"Ada Example{number % 17}", f"Bo Sample{number % 29}"),
            url=None,
            code_url=None,
            votes=None,
            place=number,
            trend=round(chance.uniform(0, 3), 6),
        )


def invented_profiles(taxonomy: Taxonomy, count: int) -> Iterator[Profile]:
    """Readers of three topics; every tenth has an interest too, every twentieth a rule in, and one a rule out."""
    chance = random.Random(2)  # noqa: S311 # invented readers keep no secret
    topics = _by_fashion(taxonomy, chance)
    for number in range(count):
        yield Profile(
            topics=tuple(topic.id for topic in next(topics)[:_TOPICS]),
            interests=(" ".join(chance.sample(_WORDS, 2)),) if number % 10 == 1 else (),
            include=(chance.choice(_WORDS),) if number % 20 == 2 else (),
            exclude=(chance.choice(_WORDS),) if number % 20 == 3 else (),
            cap=chance.randint(5, 10),
        )


def _by_fashion(taxonomy: Taxonomy, chance: random.Random) -> Iterator[list[Topic]]:
    """Different topics, a few at a time: some are in fashion, with papers as with readers."""
    weights = [1.0 / (4 + place) for place in range(len(taxonomy.topics))]
    while True:
        yield list(dict.fromkeys(chance.choices(taxonomy.topics, weights, k=3 * _TOPICS)))


def _alias(topic: Topic, chance: random.Random) -> str:
    return chance.choice(topic.aliases)


def _seconds(run: Callable[[], object]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started

"""The ranker: each reader's papers, and why."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from digest.rank import ranker
from digest.rank.interests import InterestIndex, InterestMatch
from digest.rank.meetings import Meetings
from digest.rank.ranker import Ranker, place, select
from digest.rank.rules import RuleIndex
from digest.rank.selection import EditionPaper, Pick, Placement, Reason, ReasonKind, Selection, Stage
from digest.rank.topics import parse
from digest.rank.wishes import Wishes
from digest.subscribers.subscriber import Profile

TAXONOMY = parse(
    """
    [[groups]]
    id = "all"
    label = "All"

    [[topics]]
    id = "robots"
    group = "all"
    label = "Robotics"
    about = "Machines that move."
    aliases = ["robot", "robot arm"]

    [[topics]]
    id = "speech"
    group = "all"
    label = "Speech"
    about = "Voices."
    aliases = ["speech"]

    [[topics]]
    id = "maps"
    group = "all"
    label = "Maps"
    about = "Where things are."
    aliases = ["map"]
    """
)
DAY = dt.date(2024, 3, 5)


def paper(paper_id: int, title: str = "Odd", abstract: str = "", **given: Any) -> EditionPaper:
    values: dict[str, Any] = {
        "edition_id": 7,
        "edition_date": DAY,
        "revision_id": 100 + paper_id,
        "authors": (),
        "url": None,
        "code_url": None,
        "votes": None,
        "place": paper_id,
        "trend": 0.0,
    }
    return EditionPaper(paper_id=paper_id, title=title, abstract=abstract, **{**values, **given})


ROBOT = paper(1, "A Robot that Knits", trend=1.0, authors=("Ada Lovelace", "Grace Hopper"))
SPEECH = paper(2, "Speech for All", "A robot speaks with its robot arm.", trend=3.0)
MAP = paper(3, "Maps of Sand", "We draw dunes.", trend=0.25, authors=("Lovelace, Ada",))
ODD = paper(4, "Knitting Sand", trend=0.5)
PAPERS = [ROBOT, SPEECH, MAP, ODD]


def topic(label: str, *words: str) -> Reason:
    return Reason(kind=ReasonKind.TOPIC, label=label, words=words)


def chosen(profile: Profile, *mailed: int, papers: list[EditionPaper] = PAPERS) -> Selection:
    (selection,) = select(papers, [profile], TAXONOMY, mailed=[set(mailed)])
    return selection


def ids(profile: Profile, *mailed: int, papers: list[EditionPaper] = PAPERS) -> list[int]:
    return [pick.paper_id for pick in chosen(profile, *mailed, papers=papers).picks]


def stages(profile: Profile, *mailed: int) -> dict[int, Stage]:
    return {row.paper.paper_id: row.stage for row in place(PAPERS, profile, TAXONOMY, mailed=set(mailed))}


def test_a_topic() -> None:
    """A topic brings its papers in, best first, with the topic's label and the paper's words."""
    assert chosen(Profile(topics=("robots",))) == Selection(
        picks=(
            Pick(edition_id=7, paper_id=1, score=0.57, reasons=(topic("Robotics", "Robot"),)),
            Pick(edition_id=7, paper_id=2, score=0.477, reasons=(topic("Robotics", "robot", "robot arm"),)),
        ),
        leftover=0,
    )


def test_the_worked_score() -> None:
    """0.7 * 0.6 + 0.3 * 1 / 2 for a topic in the title, 0.7 * 0.36 + 0.3 * 3 / 4 for one in passing."""
    scores = {row.paper.paper_id: row.score for row in place(PAPERS, Profile(topics=("robots",)), TAXONOMY)}
    assert scores == {1: 0.57, 2: 0.477, 4: 0.1, 3: 0.06}


def test_nothing_chosen() -> None:
    """Who chose nothing gets the edition by trend, and is told that it trends."""
    selection = chosen(Profile())
    assert [pick.paper_id for pick in selection.picks] == [2, 1, 4, 3]
    assert {pick.reasons for pick in selection.picks} == {(Reason(kind=ReasonKind.TRENDING, label=""),)}
    assert [pick.score for pick in selection.picks] == [0.225, 0.15, 0.1, 0.06]


def test_only_exclude_rules() -> None:
    """Exclude rules alone leave what trends, without what they keep out."""
    assert ids(Profile(exclude=("sand",))) == [2, 1]


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (Profile(topics=("gone",)), []),
        (Profile(topics=("gone", "maps")), [3]),
        (Profile(topics=("gone",), include=("knits",)), [1]),
        (Profile(interests=("the of",)), []),
        (Profile(include=("",)), []),
        (Profile(include=("zebra",)), []),
    ],
)
def test_choices_that_meet_nothing(profile: Profile, expected: list[int]) -> None:
    """Unknown topics are dropped; a reader of nothing but such gets nothing, not everything."""
    assert ids(profile) == expected


@pytest.mark.parametrize(
    ("profile", "paper_id", "reasons"),
    [
        (
            Profile(topics=("robots", "speech")),
            2,
            (topic("Speech", "Speech"), topic("Robotics", "robot", "robot arm")),
        ),
        (
            Profile(interests=("dunes of sand",)),
            3,
            (Reason(kind=ReasonKind.INTEREST, label="dunes of sand", words=("dunes", "Sand")),),
        ),
        (
            Profile(include=("sands",)),
            4,
            (Reason(kind=ReasonKind.KEYWORD, label="sands", words=("Sand",)),),
        ),
        (
            Profile(include=("Author: A. Lovelace",)),
            3,
            (Reason(kind=ReasonKind.AUTHOR, label="A. Lovelace", words=("Lovelace, Ada",)),),
        ),
        (
            Profile(topics=("robots",), interests=("robot",), include=("robot", "author:G. Hopper")),
            1,
            (
                Reason(kind=ReasonKind.AUTHOR, label="G. Hopper", words=("Grace Hopper",)),
                Reason(kind=ReasonKind.KEYWORD, label="robot", words=("Robot",)),
                Reason(kind=ReasonKind.INTEREST, label="robot", words=("Robot",)),
            ),
        ),
        (
            Profile(interests=("knits", "robot"), topics=("robots",)),
            1,
            (
                Reason(kind=ReasonKind.INTEREST, label="knits", words=("Knits",)),
                Reason(kind=ReasonKind.INTEREST, label="robot", words=("Robot",)),
                topic("Robotics", "Robot"),
            ),
        ),
    ],
)
def test_reasons(profile: Profile, paper_id: int, reasons: tuple[Reason, ...]) -> None:
    """Strongest first; of equal ones author, keyword, interest, topic, then as chosen; three only."""
    (mine,) = [pick for pick in chosen(profile).picks if pick.paper_id == paper_id]
    assert mine.reasons == reasons
    (placed,) = [row for row in place(PAPERS, profile, TAXONOMY) if row.paper.paper_id == paper_id]
    assert (placed.reasons, placed.score) == (reasons, mine.score)


def test_an_include_rule_is_full_relevance() -> None:
    """An include rule counts as the best match there is."""
    (pick,) = chosen(Profile(include=("dunes",))).picks
    assert pick.score == 0.76
    (pick,) = chosen(Profile(include=("dunes",), topics=("maps",))).picks
    assert pick.score == 0.76


def test_what_is_chosen_twice_counts_once() -> None:
    """A topic, interest or rule given twice is one."""
    once = Profile(topics=("robots",), interests=("maps",), exclude=("sand",))
    twice = Profile(topics=("robots",) * 2, interests=("maps",) * 2, exclude=("sand",) * 2)
    assert chosen(twice) == chosen(once)


def test_each_stage() -> None:
    """A paper is excluded, not matched, already sent, below the bar or mailed, asked in that order."""
    profile = Profile(topics=("robots", "speech", "maps"), include=("knits",), exclude=("maps",), cap=1)
    assert stages(profile) == {1: Stage.MAILED, 2: Stage.BELOW_BAR, 3: Stage.EXCLUDED, 4: Stage.NOT_MATCHED}
    profile = Profile(topics=("robots", "maps"), cap=1)
    assert stages(profile) == {1: Stage.MAILED, 2: Stage.BELOW_BAR, 3: Stage.BELOW_BAR, 4: Stage.NOT_MATCHED}
    assert stages(profile, 1, 4, 99) == {
        1: Stage.ALREADY_SENT,
        2: Stage.BELOW_BAR,
        3: Stage.MAILED,
        4: Stage.NOT_MATCHED,
    }
    profile = Profile(exclude=("sand",))
    assert stages(profile, 1, 3) == {
        1: Stage.ALREADY_SENT,
        2: Stage.MAILED,
        3: Stage.EXCLUDED,
        4: Stage.EXCLUDED,
    }


def test_placements_in_order() -> None:
    """Placements go from mailed over below the bar, already sent, not matched to excluded, each by score."""
    profile = Profile(topics=("robots", "speech"), exclude=("dunes",), cap=1)
    late = paper(5, "Robot", trend=0.1)
    rows = place([*PAPERS, late, paper(6), paper(7, trend=0.1)], profile, TAXONOMY, mailed=[5])
    assert [(row.paper.paper_id, row.stage) for row in rows] == [
        (2, Stage.MAILED),
        (1, Stage.BELOW_BAR),
        (5, Stage.ALREADY_SENT),
        (4, Stage.NOT_MATCHED),
        (7, Stage.NOT_MATCHED),
        (6, Stage.NOT_MATCHED),
        (3, Stage.EXCLUDED),
    ]


def test_what_placements_say() -> None:
    """An excluded paper names the rules that did it, an unmatched one nothing, a sent one why it was met."""
    profile = Profile(topics=("robots",), exclude=("sand", "author:Lovelace", "odd", "dunes", "draw", "we"))
    rows = {row.paper.paper_id: row for row in place(PAPERS, profile, TAXONOMY, mailed=[2])}
    assert rows[3].reasons == (
        Reason(kind=ReasonKind.AUTHOR, label="Lovelace", words=("Lovelace, Ada",)),
        Reason(kind=ReasonKind.KEYWORD, label="sand", words=("Sand",)),
        Reason(kind=ReasonKind.KEYWORD, label="dunes", words=("dunes",)),
    )
    assert (rows[1].stage, rows[1].score) == (Stage.EXCLUDED, 0.57)
    assert rows[2] == Placement(
        paper=SPEECH,
        stage=Stage.ALREADY_SENT,
        score=0.477,
        reasons=(topic("Robotics", "robot", "robot arm"),),
    )
    (unmet,) = place([ODD], profile, TAXONOMY)[:1]
    assert (unmet.stage, unmet.reasons) == (
        Stage.EXCLUDED,
        (Reason(kind=ReasonKind.KEYWORD, label="sand", words=("Sand",)),),
    )
    (unmet,) = place([paper(8)], Profile(topics=("maps",)), TAXONOMY)
    assert (unmet.stage, unmet.reasons, unmet.score) == (Stage.NOT_MATCHED, (), 0.0)


@pytest.mark.parametrize(
    ("cap", "mailed", "expected", "leftover"),
    [
        (1, (), [2], 3),
        (3, (), [2, 1, 4], 1),
        (4, (), [2, 1, 4, 3], 0),
        (5, (), [2, 1, 4, 3], 0),
        (2, (2,), [1, 4], 1),
    ],
)
def test_the_cap(cap: int, mailed: tuple[int, ...], expected: list[int], leftover: int) -> None:
    """The leftover counts what was matched, neither excluded nor sent, and over the cap."""
    selection = chosen(Profile(cap=cap), *mailed)
    assert [pick.paper_id for pick in selection.picks] == expected
    assert selection.leftover == leftover


def test_ties() -> None:
    """Equal scores rank by the newer edition, the place in it, the paper's id, whatever the order given."""
    old: dict[str, Any] = {"edition_id": 6, "edition_date": DAY - dt.timedelta(days=1)}
    tied = [
        paper(11, place=1, **old),
        paper(12, place=2, **old),
        paper(15, place=2),
        paper(14, place=2),
        paper(13, place=1),
        paper(10, place=9, trend=0.5, **old),
    ]
    for papers in (tied, tied[::-1]):
        assert ids(Profile(), papers=papers) == [10, 13, 14, 15, 11, 12]
        assert [row.paper.paper_id for row in place(papers, Profile(), TAXONOMY)] == [10, 13, 14, 15, 11, 12]


def test_scores_that_differ_beyond_six_decimals_are_ties() -> None:
    """Scores are compared as they are kept, so a difference below a millionth is none."""
    papers = [paper(1, place=2, trend=1.0), paper(2, place=1, trend=1.000_001)]
    assert ids(Profile(), papers=papers) == [2, 1]
    papers = [paper(1, place=1, trend=1.0), paper(2, place=2, trend=1.000_001)]
    assert ids(Profile(), papers=papers) == [1, 2]
    papers = [paper(1, place=1, trend=1.0), paper(2, place=2, trend=1.000_1)]
    assert ids(Profile(), papers=papers) == [2, 1]


def test_a_paper_of_two_editions() -> None:
    """A paper that stands in two editions is chosen once, as the newer has it."""
    twice = [
        paper(1, "Robot", edition_id=6, edition_date=DAY - dt.timedelta(days=1), trend=3.0),
        paper(1, "Map"),
    ]
    assert chosen(Profile(), papers=twice).picks[0].edition_id == 7
    assert ids(Profile(topics=("robots", "maps")), papers=twice) == [1]
    assert ids(Profile(topics=("robots",)), papers=twice) == []


def test_an_edition_without_papers_and_a_day_without_readers() -> None:
    """Nothing to choose from gives empty selections; nobody to choose for gives none."""
    assert chosen(Profile(topics=("robots",)), papers=[]) == Selection(picks=(), leftover=0)
    assert select(PAPERS, [], TAXONOMY, mailed=[]) == []
    assert place([], Profile(), TAXONOMY) == []


def test_more_papers_than_half_a_key_holds() -> None:
    """2,200 papers at once, whose ranks no longer fit into 32 bits, are chosen as `place` says of each reader."""
    papers = [paper(n, f"{WORDS[n % 7 % 6]} {n}", trend=n % 50 / 10, place=n) for n in range(1, 2201)]
    profiles = [Profile(cap=9), Profile(topics=("robots", "maps"), include=("knits",), exclude=("speech",))]
    asked = Ranker(papers, TAXONOMY)
    for profile, selection in zip(profiles, asked.select(profiles, mailed=[(), (2149,)]), strict=True):
        rows = asked.place(profile, mailed=(2149,) if profile.topics else ())
        mailed = [row for row in rows if row.stage is Stage.MAILED]
        assert [(p.paper_id, p.score, p.reasons) for p in selection.picks] == [
            (row.paper.paper_id, row.score, row.reasons) for row in mailed
        ]
        assert len(mailed) == profile.cap


def test_readers_and_what_they_were_mailed_go_together() -> None:
    """One collection of mailed papers is needed for each reader."""
    with pytest.raises(ValueError, match="1 profiles, and 0"):
        select(PAPERS, [Profile()], TAXONOMY, mailed=[])


def test_a_ranker_may_be_asked_again() -> None:
    """What earlier readers asked for does not change what later ones get."""
    asked = Ranker(PAPERS, TAXONOMY)
    profiles = [
        Profile(topics=("robots",), interests=("sand",), include=("knits",)),
        Profile(interests=("robot",), include=("sand",), exclude=("knits",)),
        Profile(interests=("sand",), exclude=("maps",)),
        Profile(exclude=("sand",)),
    ]
    for profile in [*profiles, *profiles[::-1]]:
        assert asked.select([profile], mailed=[()]) == select(PAPERS, [profile], TAXONOMY, mailed=[()])
        assert asked.place(profile) == place(PAPERS, profile, TAXONOMY)


def test_a_fork_says_the_same_and_keeps_what_it_learns_to_itself() -> None:
    """A fork gives the selections of its origin, which learns nothing of the wishes that the fork is asked."""
    papers = [paper(1, "A robot in a map"), paper(2, "Speech by Ada"), paper(3, "Bread")]
    profiles = [
        Profile(topics=("robots",)),
        Profile(interests=("bread",), include=("ada",), exclude=("map",)),
    ]
    origin = Ranker(papers, TAXONOMY)
    nothing: list[tuple[int, ...]] = [(), ()]
    first = origin.fork().select(profiles, mailed=nothing)
    assert first == Ranker(papers, TAXONOMY).select(profiles, mailed=nothing)
    assert first == origin.fork().select(profiles, mailed=nothing) == origin.select(profiles, mailed=nothing)
    assert origin.fork().place(profiles[1]) == origin.place(profiles[1])


def test_a_fork_of_a_ranker_at_work() -> None:
    """A fork that is taken while its origin writes a wish down has all of the wish or nothing of it."""
    papers = [paper(1, "A robot in a map"), paper(2, "Bread of rye")]
    origin = Ranker(papers, TAXONOMY)
    forks: list[Ranker] = []
    forking = threading.Thread(target=lambda: forks.append(origin.fork()))

    class Halting(list[NDArray[np.float64]]):
        """The last place that a wish is written to: before it is there, another thread gets its time."""

        def append(self, strengths: NDArray[np.float64]) -> None:
            if forking.ident is None:
                forking.start()
                forking.join(0.2)  # more than a fork takes, if nothing holds it up
            super().append(strengths)

    origin._wishes._strengths = Halting(origin._wishes._strengths)
    origin.select([Profile(interests=("robot",))], mailed=[()])
    forking.join(30)
    (fork,) = forks
    for profile in (Profile(interests=("bread",)), Profile(interests=("robot",)), Profile(include=("rye",))):
        assert fork.select([profile], mailed=[()]) == select(papers, [profile], TAXONOMY, mailed=[()])


def test_a_fork_of_a_ranker_that_learns_between_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the origin learns while a fork is taken, between any two of its parts, stands for nothing else in the fork."""
    papers = [paper(1, "A robot in a map"), paper(2, "Bread of rye")]
    for part in (Meetings, Wishes):
        origin = Ranker(papers, TAXONOMY)
        fork = part.fork

        def learning(
            self: Any, fork: Callable[[Any], Any] = fork, learn: Callable[..., Any] = origin.select
        ) -> Any:
            learn([Profile(interests=("rye",), include=("bread",))], mailed=[()])
            found = fork(self)
            learn([Profile(interests=("map",), include=("robot",))], mailed=[()])
            return found

        with monkeypatch.context() as patch:
            patch.setattr(part, "fork", learning)
            forked = origin.fork()
        for profile in (
            Profile(interests=("robot", "map")),
            Profile(interests=("bread",), include=("rye",)),
            Profile(include=("map",), interests=("robot", "of rye")),
        ):
            mine = forked.select([profile], mailed=[()])
            assert mine == select(papers, [profile], TAXONOMY, mailed=[()])


def test_each_wish_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interest or a rule is matched once, however many readers have it; equal picks are one value."""
    asked: list[str] = []
    match, meet = InterestIndex.match, RuleIndex.meet

    def counted_match(index: InterestIndex, interest: str) -> Mapping[int, InterestMatch]:
        asked.append(interest)
        return match(index, interest)

    def counted_meet(index: RuleIndex, rules: Iterable[str]) -> dict[str, Mapping[int, str]]:
        asked.extend(rules)
        return meet(index, rules)

    monkeypatch.setattr(InterestIndex, "match", counted_match)
    monkeypatch.setattr(RuleIndex, "meet", counted_meet)
    everyone = Ranker(PAPERS, TAXONOMY)
    one = Profile(interests=("dunes",), include=("knits",), exclude=("zebra",))
    two = Profile(interests=("dunes",), include=("knits",), exclude=("zebra", "odd"))
    first, second = everyone.select([one, two], mailed=[(), ()])
    assert everyone.select([two], mailed=[()]) == [second]
    assert sorted(asked) == ["dunes", "knits", "odd", "zebra"]
    assert len(first.picks) == 2
    assert all(mine is yours for mine, yours in zip(first.picks, second.picks, strict=True))


WORDS = ("robot", "robot arm", "speech", "maps", "sand", "knits")
AUTHORS = ("Ada Lovelace", "Grace Hopper")
RULES = (*WORDS, "author:A. Lovelace", "author:Hopper", "nowhere")
texts = st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join)


def some(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=3).map(tuple)


papers_of_a_week = st.lists(
    st.builds(
        paper,
        st.integers(1, 12),
        texts,
        texts,
        authors=st.lists(st.sampled_from(AUTHORS), max_size=2).map(tuple),
        trend=st.sampled_from([0.0, 0.5, 0.5000001, 1.0, 2.690191]),
        place=st.integers(1, 3),
        edition_date=st.sampled_from([DAY, DAY - dt.timedelta(days=1)]),
    ),
    max_size=12,
)
profiles_of_readers = st.builds(
    Profile,
    topics=some(("robots", "speech", "maps", "gone")),
    interests=some(WORDS),
    include=some(RULES),
    exclude=some(RULES),
    cap=st.integers(1, 5),
)
readers_of_a_day = st.lists(
    st.tuples(profiles_of_readers, st.sets(st.integers(1, 14), max_size=6)), max_size=9
)


@settings(max_examples=150, deadline=None)
@given(papers=papers_of_a_week, readers=readers_of_a_day, chunk=st.integers(1, 4))
def test_select_is_place(
    papers: list[EditionPaper], readers: list[tuple[Profile, set[int]]], chunk: int
) -> None:
    """Chosen together, in chunks of any size, each reader gets what `place` says of them alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranker, "_CHUNK", chunk)
        profiles, mailed = [profile for profile, _ in readers], [sent for _, sent in readers]
        selections = select(papers, profiles, TAXONOMY, mailed=mailed)
    assert len(selections) == len(readers)
    for (profile, sent), selection in zip(readers, selections, strict=True):
        rows = place(papers, profile, TAXONOMY, mailed=sent)
        assert selection.picks == tuple(
            Pick(
                edition_id=row.paper.edition_id,
                paper_id=row.paper.paper_id,
                score=row.score,
                reasons=row.reasons,
            )
            for row in rows
            if row.stage is Stage.MAILED
        )
        assert selection.leftover == Counter(row.stage for row in rows)[Stage.BELOW_BAR]

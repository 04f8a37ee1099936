"""Text scrapes, piece by piece: the survey of a document, its stretches, its cards, and the judgement at the end."""

from __future__ import annotations

import pytest

from digest.errors import DumpError
from digest.ingest.formats import text
from digest.ingest.formats.decode import Habits, Label, Verdict
from digest.ingest.formats.lines import Line
from digest.ingest.formats.survey import survey
from digest.ingest.record import DumpDate, Record, Reject

TITLE = "Gliding Kestrels over Looms"


def bare(length: int, start: str = "Xx", end: str = "") -> str:
    """A line of this length whose words are too short to show anything."""
    return (f"{start} " + "yz " * 200)[: length - len(end) - 1] + "z" + end


def line(what: str, number: int = 1, *, after_blank: bool = False) -> Line:
    return Line(number, what, after_blank)


def document(*texts: str) -> bytes:
    return "\n".join(texts).encode()


# -- the survey ---------------------------------------------------------------------------------------


def test_habits_are_counted_over_the_document() -> None:
    """Blank lines, titles of two lines among those of one or two, and the widest short line after a long one."""
    long = bare(300)
    data = document(bare(200), long, "a" * 9, "b" * 30, long + "1", "", "c", "d", long + "2", "e" * 12, long + "3",
                    "f", "g", long + "4", "h", "i", "j", long + "5", "k" * 11)  # fmt: skip
    assert survey(data).habits == Habits(blank_share=1 / 18, pair_share=3 / 5, widest_title=12)


def test_two_pairs_are_no_habit() -> None:
    """Three are; before the first long line there is no title to measure."""
    pair = ("a", "b")
    data = document(*pair, bare(300), *pair, bare(301))
    assert survey(data).habits == Habits(blank_share=0.0, pair_share=0, widest_title=1)
    assert survey(data + b"\nc\nd\n" + bare(302).encode()).habits.pair_share == 1.0
    assert survey(document(bare(299), bare(200))).habits.widest_title == 0


def test_a_date_stands_in_the_first_forty_lines() -> None:
    """The first one counts."""
    before = [f"line {number}" for number in range(39)]
    assert survey(document(*before, "Aug 12", "Aug 13")).date == DumpDate(month=8, day=12)
    assert survey(document("line", *before, "Aug 12")).date is None


def test_a_sixth_of_foreign_marks_is_another_kind() -> None:
    """Three lines of twenty may start with one, four may not."""
    plain = [f"line {number}" for number in range(16)]
    assert survey(document("# a", "# b", "# c", "d", *plain)).date is None
    with pytest.raises(DumpError) as refusal:
        survey(document("# a", "# b", "# c", "# d", *plain))
    assert refusal.value.line == 1
    assert refusal.value.reason == "a document of another kind: its lines start with the marks of one"


def test_nothing_at_all_is_empty() -> None:
    """White space that is no line."""
    with pytest.raises(DumpError, match=r"^the dump is empty$"):
        survey(b" \n ")


def test_more_than_half_of_the_lines_after_a_blank_one_is_text_b() -> None:
    """Half is not."""
    assert text.read(b"a\n\nb").format == "text-a"
    assert text.read(b"a\n\nb\n\nc").format == "text-b"


# -- stretches ----------------------------------------------------------------------------------------


def test_a_stretch_is_four_hundred_lines() -> None:
    """One more without an abstract is refused with the first line."""
    votes = [f"{number} votes" for number in range(401)]
    with pytest.raises(DumpError) as refusal:
        list(text.read(document(*votes)).items)
    assert (refusal.value.reason, refusal.value.line) == ("400 lines without an abstract", 1)
    with pytest.raises(DumpError, match=r"^no papers in it$"):
        list(text.read(document(*votes[:400])).items)


def test_the_last_abstract_settles_what_is_before_it() -> None:
    """Where a stretch has none, nothing is settled."""
    labels = [Label.ABSTRACT, Label.TITLE, Label.ABSTRACT, Label.ABSTRACT, Label.ABSTRACT_MORE, Label.TITLE]
    labelled = [(line("Xx", 7 + n), Verdict(label, Label.NOISE, 9.0)) for n, label in enumerate(labels)]
    assert text._last_abstract(labelled) == 3
    with pytest.raises(DumpError) as refusal:
        text._last_abstract([labelled[1], labelled[5]])
    assert (refusal.value.reason, refusal.value.line) == ("400 lines without an abstract", 8)


@pytest.mark.parametrize(
    ("before", "title", "blank", "expected"),
    [
        pytest.param("Xx", bare(30), False, True, id="two points"),
        pytest.param("Xx", bare(30, "Xx it"), False, False, id="one point"),
        pytest.param("Xx.", bare(30, "Xx it"), False, True, id="one point after a sentence"),
        pytest.param("Xx", bare(30, "Xx it"), True, True, id="one point after a blank line"),
        pytest.param("Xx", "Xx/yz/yz/yz/yz", False, False, id="no point"),
        pytest.param("Xx.", "Xx/yz/yz/yz/yz", False, True, id="no point after a sentence"),
        pytest.param("Xx.", bare(30, "yz"), True, False, id="less than none"),
        pytest.param("Xx", bare(30, "Xx it", "."), False, False, id="its own full stop parts nothing"),
        pytest.param("Xx.", "Kite " * 59 + "Kite", True, True, id="299 characters"),
        pytest.param("Xx.", "Kite " * 59 + "Kites", True, False, id="300 characters"),
    ],
)
def test_one_line_between_two_abstracts(before: str, title: str, blank: bool, expected: bool) -> None:
    """It is a title if it looks like one, or not unlike one where the abstract before it has ended."""
    held = [line(before), line(title, after_blank=blank), line("Kites", after_blank=not blank)]
    assert text._is_plain(held) is expected
    assert not text._is_plain(held[:2])
    assert not text._is_plain([*held, line("Yz")])


def test_a_plain_stretch_is_not_weighed() -> None:
    """Its title and abstract are sure; unless it starts or ends the document."""
    held = [line(bare(300, end=".")), line(bare(30), 2), line(bare(300), 3)]
    plain = [
        (held[1], Verdict(Label.TITLE, Label.NOISE, 100.0)),
        (held[2], Verdict(Label.ABSTRACT, Label.ABSTRACT_MORE, 100.0)),
    ]
    habits = Habits(blank_share=0.0, pair_share=0.0, widest_title=0)
    assert text._decoded(list(held), habits, first=False) == plain
    weighed = text._decoded(list(held), habits, first=False, last=True)
    assert [one for one, _ in weighed] == held[1:]
    assert all(verdict.margin < 100.0 for _, verdict in weighed)
    assert [one for one, _ in text._decoded(list(held), habits, first=True)] == held


LABELS = {"N": Label.NOISE, "T": Label.TITLE, "A": Label.ABSTRACT, "M": Label.ABSTRACT_MORE}
ANY = Habits(blank_share=0.0, pair_share=0.0, widest_title=0)


def test_stretches_follow_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stretch that grows too long is settled up to its last abstract, with which the next begins; so does the end."""
    asked: list[tuple[str, bool, bool]] = []

    def decoded(held: list[Line], habits: Habits, *, first: bool, last: bool = False) -> list[text._Labelled]:
        asked.append((" ".join(one.text for one in held), first, last))
        return [(one, Verdict(LABELS[one.text[0]], Label.NOISE, 9.0)) for one in held][0 if first else 1 :]

    monkeypatch.setattr(text, "_decoded", decoded)
    monkeypatch.setattr(text, "_STRETCH", 6)
    given = "T1 A1 T2 A2 M2 m2 T3 A3 M3 T4 A4".replace("m", "M0").split()
    assert [one.text for one, _ in text._labelled(document(*given), ANY)] == given
    assert asked == [
        ("T1 A1 T2 A2 M2 M02 T3", True, False),
        ("A2 M2 M02 T3 A3 M3 T4", False, False),
        ("A3 M3 T4 A4", False, True),
    ]


def test_stretches_are_cut_at_lines_of_three_hundred(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two of them a single line is a plain title; shorter ones are weighed together."""
    for length, margins in ((300, True), (299, False)):
        data = document(*(part for mark in "ABCD" for part in (bare(30, mark), bare(length, mark, "."))))
        sure = [verdict.margin == 100.0 for _, verdict in text._labelled(data, ANY)]
        assert sure == [False, False, *[margins] * 6]


# -- cards --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "abstract", "doubtful", "reason"),
    [
        pytest.param([TITLE], [bare(60)], True, "lines that can be read in two ways", id="doubt"),
        pytest.param(["Xx yz yz"], [], False, "neither a title nor a line of the page", id="stray"),
        pytest.param([TITLE], [bare(59)], False, "hardly", id="59"),
        pytest.param([TITLE], [bare(28), bare(30)], False, "hardly", id="59 over two lines"),
        pytest.param([TITLE], [bare(249, "Xx ©")], False, "hardly", id="to the reader"),
    ],
)
def test_a_card_that_is_no_paper(title: list[str], abstract: list[str], doubtful: bool, reason: str) -> None:
    """Its first line, and why."""
    card = text._Card(line=9, title=title, abstract=abstract, doubtful=doubtful)
    hardly = "a title with hardly a text, or with words to the reader of a page"
    assert card.item() == Reject(line=9, reason=hardly if reason == "hardly" else reason)


@pytest.mark.parametrize("abstract", [[], [bare(60)], [bare(29), bare(30)], [bare(250, "Xx ©")]])
def test_a_card_that_is_a_paper(abstract: list[str]) -> None:
    """Lines are joined by a space, and its place is still open."""
    card = text._Card(line=9, title=["Gliding Kestrels", "over Looms"], abstract=abstract)
    assert card.item() == Record(position=0, line=9, title=TITLE, abstract=" ".join(abstract))


def test_plain_cards_keep_their_lines() -> None:
    """The lines around them are the head's and the foot's, and their places are counted."""
    data = document("new", "Kites That Land", "", "Kites land when the wind lets them.", "Next")
    assert list(text._plain_cards(data, range(2, 5))) == [
        Record(position=1, line=2, title="Kites That Land", abstract="Kites land when the wind lets them.")
    ]


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        (TITLE, True),
        (f"{TITLE} Again", True),
        ("Gliding Kestrels Land", False),
        (f"{TITLE} and", False),
        (bare(30), False),
    ],
)
def test_a_sure_title(title: str, expected: bool) -> None:
    """Four words, most of them in capitals, and no loose end."""
    assert text._surely_title(title) is expected


def verdict(rival: Label, margin: float) -> Verdict:
    return Verdict(Label.TITLE, rival, margin)


BARE = text._Card(line=1, title=["Xx"])
FULL = text._Card(line=1, title=["Xx"], abstract=["Yz"])


@pytest.mark.parametrize(
    ("card", "foot", "rival", "margin", "expected"),
    [
        (FULL, [], Label.ABSTRACT_MORE, 1.49, True),
        (FULL, [], Label.ABSTRACT_MORE, 1.5, False),
        (BARE, [], Label.ABSTRACT_MORE, 5.0, False),
        (BARE, [], Label.TITLE_MORE, 5.49, True),
        (BARE, [], Label.TITLE_MORE, 5.5, False),
        (BARE, [], Label.NOISE, 0.1, False),
        (FULL, [], Label.TITLE_MORE, 0.1, False),
        (FULL, [TITLE], Label.TITLE_MORE, 0.1, False),
        (None, [], Label.TITLE_MORE, 0.1, False),
        (None, [TITLE], Label.TITLE_MORE, 0.1, True),
        (None, ["Xx", "Yz", TITLE], Label.TITLE_MORE, 0.1, True),
        (None, [TITLE, TITLE, "Xx"], Label.TITLE_MORE, 0.1, False),
    ],
)
def test_a_line_that_may_go_on(
    card: text._Card | None, foot: list[str], rival: Label, margin: float, expected: bool
) -> None:
    """Behind half a title it is judged harder."""
    assert text._may_go_on(card, [line(one) for one in foot], verdict(rival, margin)) is expected


def put_together(
    monkeypatch: pytest.MonkeyPatch, *given: tuple[str, Label, Label, float]
) -> list[Record | Reject]:
    """The cards of lines with these labels, rivals and margins."""
    labelled = [
        (line(what, n), Verdict(label, rival, margin)) for n, (what, label, rival, margin) in enumerate(given)
    ]
    monkeypatch.setattr(text, "_labelled", lambda data, habits: iter(labelled))
    return list(text._cards(b"", ANY))


@pytest.mark.parametrize(("margin", "sure"), [(1.5, True), (1.49, False)])
def test_a_line_in_doubt_spoils_its_card(monkeypatch: pytest.MonkeyPatch, margin: float, sure: bool) -> None:
    """Below a point and a half."""
    found = put_together(
        monkeypatch,
        (TITLE, Label.TITLE, Label.NOISE, 9.0),
        (bare(300), Label.ABSTRACT, Label.TITLE, margin),
    )
    record = Record(position=0, line=0, title=TITLE, abstract=bare(300))
    assert found == [record if sure else Reject(line=0, reason="lines that can be read in two ways")]


def test_a_line_of_the_head_like_a_title_spoils_the_first_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two may be one title."""
    found = put_together(
        monkeypatch,
        (TITLE, Label.NOISE, Label.TITLE, 9.0),
        (TITLE, Label.TITLE, Label.TITLE_MORE, 5.0),
        (bare(300), Label.ABSTRACT, Label.TITLE, 9.0),
    )
    assert found == [Reject(line=1, reason="lines that can be read in two ways")]


def test_half_a_title_is_no_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever became of its first line."""
    found = put_together(
        monkeypatch,
        (TITLE, Label.TITLE_MORE, Label.NOISE, 9.0),
        (bare(300), Label.ABSTRACT, Label.TITLE, 9.0),
    )
    assert found == [Reject(line=0, reason="lines that can be read in two ways")]


@pytest.mark.parametrize(
    ("abstract", "doubtful", "foot", "expected"),
    [
        pytest.param([bare(300), bare(299)], False, [], True, id="a short rest after a long line"),
        pytest.param([bare(299), bare(299)], False, [], False, id="wrapped lines"),
        pytest.param([bare(300), bare(300)], False, [], False, id="long lines"),
        pytest.param([bare(300)], False, [], False, id="one long line"),
        pytest.param([], False, [], True, id="a title"),
        pytest.param([bare(59)], False, [], True, id="59"),
        pytest.param([bare(60)], False, [], False, id="60"),
        pytest.param([bare(29), bare(30)], False, [], False, id="60 over two lines"),
        pytest.param([bare(299)], True, [], True, id="299 and doubtful"),
        pytest.param([bare(300)], True, [], False, id="300 and doubtful"),
        pytest.param([], False, ["Next"], False, id="a title before a foot"),
        pytest.param([bare(300)], False, ["Xx"], True, id="one line that is no foot"),
        pytest.param([bare(300)], False, ["Xx", "Next"], False, id="two lines"),
        pytest.param([], False, ["Xx", "Next"], True, id="two lines after a title"),
    ],
)
def test_a_document_is_cut(abstract: list[str], doubtful: bool, foot: list[str], expected: bool) -> None:
    """It ends with a title, with hardly a text, or with one line that belongs to nothing."""
    card = text._Card(line=1, title=[TITLE], abstract=abstract, doubtful=doubtful)
    assert text._is_cut(card, [line(one) for one in foot]) is expected


# -- the judgement ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "rejects", "refused"),
    [(1, 0, False), (1, 1, False), (3, 1, False), (1, 2, True), (5, 2, True), (6, 2, False), (8, 3, True), (9, 3, False)],
)  # fmt: skip
def test_a_third_may_be_no_papers(records: int, rejects: int, refused: bool) -> None:
    """And one always may; the refusal names the first of them."""
    tally = text._Tally()
    for number in range(records):
        tally.add(Record(position=1, line=number, title="T", abstract=""))
    for number in range(rejects):
        tally.add(Reject(line=20 + number, reason=f"odd {number}"))
    assert (tally.records, tally.rejects) == (records, rejects)
    if not refused:
        tally.judge()
        return
    with pytest.raises(DumpError) as refusal:
        tally.judge()
    assert refusal.value.line == 20
    assert refusal.value.reason == f"fits no layout: {rejects} pieces are no papers, the first: odd 0"


def test_without_papers_there_is_no_dump() -> None:
    """The line is that of the first reject, if there is one."""
    tally = text._Tally()
    with pytest.raises(DumpError) as refusal:
        tally.judge()
    assert (refusal.value.reason, refusal.value.line) == ("no papers in it", 0)
    tally.add(Reject(line=4, reason="odd"))
    with pytest.raises(DumpError) as refusal:
        tally.judge()
    assert (refusal.value.reason, refusal.value.line) == ("no papers in it", 4)

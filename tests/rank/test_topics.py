"""The taxonomy: its format, which topics a paper meets and how surely, and how it spreads over papers."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from digest.errors import TaxonomyError
from digest.rank.topics import BAR, Coverage, Group, Taxonomy, Topic, TopicMatch, coverage, parse

REPOSITORY = Path(__file__).parents[2]
SHARED = REPOSITORY.parent / "shared" / "data"

GARDEN = """
[[groups]]
id = "plants"
label = "Plants"

[[groups]]
id = "beds"
label = "Beds"

[[topics]]
id = "roses"
group = "plants"
label = "Roses"
about = "Roses and their kin."
aliases = ["rose", "rosebud", "Rosa*"]
in_title = ["thorn"]
weak = ["petal", "bloom", "hip"]
exclude = ["rose window"]

[[topics]]
id = "herbs"
group = "plants"
label = "Herbs"
about = "What a cook wants."
aliases = ["herb", "thyme"]

[[topics]]
id = "frames"
group = "beds"
label = "Cold frames"
about = "Glass over soil."
aliases = ["cold frame"]
"""


@pytest.fixture(scope="module")
def garden() -> Taxonomy:
    return parse(GARDEN)


def test_parse(garden: Taxonomy) -> None:
    """Groups and topics come as the file has them, in its order; what is optional is empty."""
    assert garden.groups == (Group(id="plants", label="Plants"), Group(id="beds", label="Beds"))
    roses, herbs, frames = garden.topics
    assert roses == Topic(
        id="roses",
        group="plants",
        label="Roses",
        about="Roses and their kin.",
        aliases=("rose", "rosebud", "Rosa*"),
        in_title=("thorn",),
        weak=("petal", "bloom", "hip"),
        exclude=("rose window",),
    )
    assert roses.phrases == ("rose", "rosebud", "Rosa*", "thorn", "petal", "bloom", "hip", "rose window")
    assert (herbs.id, herbs.in_title, herbs.weak, herbs.exclude) == ("herbs", (), (), ())
    assert (frames.id, frames.group) == ("frames", "beds")
    assert garden == parse(GARDEN)


TOPIC_HEAD = 'group = "beds"\nlabel = "Cold frames"\nabout = "Glass over soil."\n'


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('label = "Beds"', "label = ", "not TOML: Invalid value (at line 8, column 9)"),
        ("[[topics]]", "[[topic]]", "the file: unknown key 'topic'"),
        ("[[groups]]", "[groups]", None),
        ('id = "beds"', 'id = "beds"\ncolour = 1\nbrand = 2', "group beds: unknown key 'brand'"),
        ('id = "beds"', "", "group number 2: id must be a line of text"),
        (
            'id = "beds"',
            'id = "Beds"',
            "group number 2: 'Beds' is not an id: lower-case words joined by hyphens",
        ),
        ('label = "Beds"', 'label = " "', "group beds: label must be a line of text"),
        ('id = "beds"', 'id = "plants"', "group plants: the id stands 2 times"),
        ('id = "herbs"', 'id = "roses"', "topic roses: the id stands 2 times"),
        (
            'id = "herbs"',
            'id = "-herbs"',
            "topic number 2: '-herbs' is not an id: lower-case words joined by hyphens",
        ),
        (
            'id = "herbs"',
            'id = "herbs\\n"',
            "topic number 2: 'herbs\\n' is not an id: lower-case words joined by hyphens",
        ),
        ('id = "herbs"', "id = 3", "topic number 2: id must be a line of text"),
        ('group = "beds"', 'group = "bed"', "topic frames: there is no group 'bed'"),
        ('group = "beds"', "", "topic frames: group must be a line of text"),
        ('label = "Herbs"', "label = []", "topic herbs: label must be a line of text"),
        ('about = "What a cook wants."', "", "topic herbs: about must be a line of text"),
        ('about = "What a cook wants."', 'abuot = ""', "topic herbs: unknown key 'abuot'"),
        ('aliases = ["herb", "thyme"]', "", "topic herbs: aliases is empty"),
        ('aliases = ["herb", "thyme"]', "aliases = []", "topic herbs: aliases is empty"),
        ('aliases = ["herb", "thyme"]', 'aliases = "herb"', "topic herbs: aliases must be a list of phrases"),
        ('["herb", "thyme"]', '["herb", 1]', "topic herbs: aliases must be a list of phrases"),
        ('["thorn"]', "1", "topic roses: in_title must be a list of phrases"),
        ('["petal", "bloom", "hip"]', "[1]", "topic roses: weak must be a list of phrases"),
        ('["rose window"]', "true", "topic roses: exclude must be a list of phrases"),
        ('["herb", "thyme"]', '["herb", "Herbs"]', "topic herbs: 'Herbs' says the same as 'herb'"),
        ('["thorn"]', '["rosebud"]', "topic roses: 'rosebud' says the same as 'rosebud'"),
        ('["petal", "bloom", "hip"]', '["Rosa*"]', "topic roses: 'Rosa*' says the same as 'Rosa*'"),
        ('["rose window"]', '["thorn"]', "topic roses: 'thorn' says the same as 'thorn'"),
        ('["rose window"]', '["ro*"]', "topic roses: 'ro*': at least 3 letters must stand before the *"),
        ('["herb", "thyme"]', '["herb", "--"]', "topic herbs: '--' holds no word"),
    ],
)
def test_refused(old: str, new: str, reason: str | None) -> None:
    """A file that breaks a rule is refused, and the text names the entry and the rule."""
    assert old in GARDEN
    with pytest.raises(TaxonomyError, match=f"^{re.escape(reason)}$" if reason else "^not TOML: "):
        parse(GARDEN.replace(old, new))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the file: at least one [[groups]] is needed"),
        ("groups = []", "the file: at least one [[groups]] is needed"),
        ("groups = 1", "the file: at least one [[groups]] is needed"),
        ("groups = [1]", "the file: at least one [[groups]] is needed"),
        ('[[groups]]\nid = "a"\nlabel = "A"', "the file: at least one [[topics]] is needed"),
    ],
)
def test_empty_file(text: str, reason: str) -> None:
    """A taxonomy has at least one group and one topic."""
    with pytest.raises(TaxonomyError, match=f"^{re.escape(reason)}$"):
        parse(text)


@pytest.mark.parametrize(
    ("title", "abstract", "score"),
    [
        pytest.param("Untitled", "One rose.", None, id="one alias in the abstract"),
        pytest.param("Untitled", "A rose, and roses.", None, id="the same twice"),
        pytest.param("Untitled", "Rose by rose and a rose.", 0.36, id="the same three times"),
        pytest.param("Untitled", "Rose by rose by rose by rose by rose.", 0.36, id="more tell nothing new"),
        pytest.param("Untitled", "A rose, then its rosebud.", 0.36, id="two aliases"),
        pytest.param("Untitled", "A rose, a petal.", None, id="an alias and a weak phrase"),
        pytest.param(
            "Untitled", "Rose, a petal, no rose, no petal.", 1 - 0.8**2.25, id="the same, each twice"
        ),
        pytest.param("Untitled", "A rose, a thorn, a petal.", 0.36, id="in_title supports in the abstract"),
        pytest.param("The Rose", "", 0.6, id="an alias in the title"),
        pytest.param("The Rose of Roses", "", 0.6, id="a title counts a phrase once"),
        pytest.param("The Rose", "Rose by rose and a rose.", 0.744, id="the same, thrice in the abstract"),
        pytest.param("Thorns", "", 0.6, id="an in_title phrase in the title"),
        pytest.param("Thorns", "A thorn.", 1 - 0.4 * 0.8**0.5, id="an in_title phrase in both"),
        pytest.param("Thorns", "Petals.", 1 - 0.4 * 0.8**0.5, id="a weak phrase beside it"),
        pytest.param("A Rose, with Thorns", "", 1 - 0.4**2, id="two in the title"),
        pytest.param("A Rose, its Petal", "Rose.", 1 - 0.4**1.5 * 0.8, id="a weak phrase in the title"),
        pytest.param("Petals", "A rose.", 1 - 0.4**0.5 * 0.8, id="a weak title and one alias"),
        pytest.param("Petal or Bloom or Hip", "", None, id="weak phrases alone in the title"),
        pytest.param("Untitled", "Thorn, petal. Thorn, bloom. Thorn, hip. A petal.", None, id="halves alone"),
        pytest.param("The Rose", "In a rose window.", None, id="a veto in the abstract"),
        pytest.param("The Rose Window", "A rose by a rosebud.", None, id="a veto in the title"),
    ],
)
def test_score(garden: Taxonomy, title: str, abstract: str, score: float | None) -> None:
    """The worked numbers of `Taxonomy.match`, and what stays below its bar."""
    matches = garden.match(title, abstract)
    assert [m.topic_id for m in matches] == ([] if score is None else ["roses"])
    assert [m.score for m in matches] == ([] if score is None else [pytest.approx(score, abs=1e-12)])


def test_bar() -> None:
    """The bar lies above one alias said twice and below two aliases."""
    assert 1 - 0.8**1.5 < BAR == 0.35 < 1 - 0.8**2


def test_order_and_words(garden: Taxonomy) -> None:
    """Topics come surest first, then by id; the words are the paper's own, as they first stand."""
    matches = garden.match("Herbs, Roses and\nCold-Frames", "Rosaceae in ROSE beds. More roses.")
    assert [(m.topic_id, m.words) for m in matches] == [
        ("roses", ("Roses", "Rosaceae")),
        ("frames", ("Cold-Frames",)),
        ("herbs", ("Herbs",)),
    ]
    assert matches[1] == TopicMatch(topic_id="frames", score=0.6, words=("Cold-Frames",))


def test_score_stays_within_one(garden: Taxonomy) -> None:
    """However much a paper says, the score is at most 1."""
    (match,) = garden.match("Rose, Rosebud, Rosa, thorn, petal, bloom, hip", "Rose. Rosebud. Rosa. " * 9)
    assert match.score == pytest.approx(1 - 0.4**5.5 * 0.8**6)
    assert match.score <= 1


def test_coverage(garden: Taxonomy) -> None:
    """Coverage counts papers, their topics, and the topics that no paper has."""
    papers = [("Roses", ""), ("Stones", ""), ("Herbs", "with rose, rosebud"), ("Rose and thyme", "")]
    assert coverage(garden, iter(papers)) == Coverage(
        papers=4,
        met_one=3,
        more_than_six=0,
        mean=1.25,
        per_topic={"roses": 3, "herbs": 2, "frames": 0},
        empty=("frames",),
    )
    assert coverage(garden, papers[:1]).mean == 1.0
    assert list(coverage(garden, papers).per_topic) == ["roses", "herbs", "frames"]


def test_coverage_of_nothing(garden: Taxonomy) -> None:
    """Without papers the mean is 0 and every topic is empty."""
    spread = coverage(garden, [])
    assert (spread.papers, spread.met_one, spread.more_than_six, spread.mean) == (0, 0, 0, 0.0)
    assert spread.empty == ("roses", "herbs", "frames")


def test_more_than_six() -> None:
    """Six topics are not more than six; seven are."""
    head = '[[groups]]\nid = "g"\nlabel = "G"\n'
    topic = '[[topics]]\nid = "t{0}"\ngroup = "g"\nlabel = "T"\nabout = "T."\naliases = ["word{0}"]\n'
    seven = parse(head + "".join(topic.format(n) for n in range(7)))
    six_words = " ".join(f"word{n}" for n in range(6))
    spread = coverage(seven, [(six_words, ""), (f"{six_words} word6", "")])
    assert (spread.more_than_six, spread.mean) == (1, 6.5)


@pytest.fixture(scope="module")
def shipped() -> Taxonomy:
    return parse((REPOSITORY / "config" / "topics.toml").read_text(encoding="utf-8"))


def test_shipped_taxonomy(shipped: Taxonomy) -> None:
    """The taxonomy that ships has at least sixty topics, in ten to fifteen groups, none of them bare."""
    assert len(shipped.topics) >= 60
    assert 10 <= len(shipped.groups) <= 15
    assert min(Counter(t.group for t in shipped.topics)[g.id] for g in shipped.groups) >= 3
    assert len({t.label for t in shipped.topics}) == len(shipped.topics)


@pytest.mark.parametrize(
    ("title", "topics"),
    [
        ("Tiny LLMs That Fit in 4-bit Integers", {"large-language-models", "quantisation"}),
        ("Diffusion Transformers for Text-to-Video Generation", {"diffusion-models", "video-generation"}),
        ("A Benchmark of Web Agents", {"benchmarks", "llm-agents", "tool-use"}),
        ("Grasping with Vision-Language-Action Models", {"robotics"}),
        ("Sam Asks for a Map of the Law of Large Numbers", set()),
        ("Dynamic Programming for Schedules", set()),
    ],
)
def test_shipped_titles(shipped: Taxonomy, title: str, topics: set[str]) -> None:
    """Titles of the usual kinds meet the topics that a person would name, and look-alikes none."""
    assert {m.topic_id for m in shipped.match(title, "")} >= topics
    assert topics or not shipped.match(title, "")


def seeds() -> list[tuple[str, str]]:
    """Read the seed scrapes: title and abstract lines alternate, after `Subscribe` or after a date line."""
    papers: dict[str, str] = {}
    for path in sorted((SHARED / "dumps").glob("0*.txt")):
        lines = [line.strip() for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
        dates = [at for at, line in enumerate(lines) if re.fullmatch(r"[A-Z][a-z]{2} \d{1,2}", line)]
        start = next(at for at, line in enumerate(lines) if line.startswith("Subscribe"))
        rows = lines[dates[0] + 1 :] if dates else [lines[start][len("Subscribe") :], *lines[start + 1 :]]
        for title, abstract in zip(rows[::2], rows[1::2], strict=True):
            papers.setdefault(title, abstract)
    return list(papers.items())


def api_days() -> list[tuple[str, str]]:
    papers: dict[str, str] = {}
    for path in sorted((SHARED / "hf_api").glob("*.json")):
        for row in json.loads(path.read_text(encoding="utf-8")):
            papers.setdefault(row["paper"]["title"], row["paper"].get("summary") or "")
    return list(papers.items())


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not beside this repository")
@pytest.mark.parametrize("name", ["seeds", "api", "both"])
def test_bars(shipped: Taxonomy, name: str) -> None:
    """On real pages nearly every paper meets a topic, few meet many, and no topic is too wide."""
    papers = {"seeds": seeds(), "api": api_days(), "both": seeds() + api_days()}[name]
    spread = coverage(shipped, papers)
    assert spread.papers == {"seeds": 441, "api": 743, "both": 1184}[name]
    assert spread.met_one >= 0.94 * spread.papers
    assert spread.more_than_six < 0.1 * spread.papers
    assert 2 <= spread.mean <= 4
    assert max(spread.per_topic.values()) <= 0.25 * spread.papers
    assert len(spread.empty) <= 3

"""Phrases: whole words in sequence, whatever the case, the plural and the hyphen."""

from __future__ import annotations

import re

import pytest

from digest.rank.phrases import Hit, Matcher, Phrase, Section, Text, Word, _word, is_acronym


@pytest.fixture(autouse=True)
def _no_memory() -> None:
    """Forget the words of earlier tests, so that each test folds its own."""
    _word.cache_clear()


def meets(phrase: str, text: str) -> bool:
    return bool(Matcher([("key", phrase)]).find(Text.of(text)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("--- (!) _", [], id="signs only"),
        pytest.param("Vision-language models", ["Vision", "language", "models"], id="hyphen parts"),
        pytest.param("snake_case words", ["snake", "case", "words"], id="underscore parts"),
        pytest.param("3D, GPT-4 and T2I", ["3D", "GPT", "4", "and", "T2I"], id="digits stay"),
        pytest.param("C++, C# and F#!", ["C++", "C#", "and", "F#"], id="signs of languages"),
        pytest.param("ABC++ 4++ C+", ["ABC", "4", "C"], id="no other signs"),
        pytest.param("Schrödinger’s ﬁelds", ["Schrödinger", "s", "fields"], id="NFKC, accents"),
        pytest.param("cafe\u0301", ["café"], id="composed"),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    """Words are runs of letters and digits, after NFKC."""
    assert [word.written for word in Section.of(text).words] == words


def test_word_forms() -> None:
    """A word keeps how it was written, its folded form, and its stem."""
    assert Section.of("STRASSEN Straßen").words == (
        Word("STRASSEN", "strassen", "strassen"),
        Word("Straßen", "strassen", "strassen"),
    )
    assert Section.of("Quantisations").words == (Word("Quantisations", "quantisations", "quantization"),)


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        ("models", "model"),
        ("cars", "car"),
        ("gas", "gas"),
        ("loss", "loss"),
        ("losses", "loss"),
        ("corpus", "corpus"),
        ("analysis", "analysis"),
        ("bias", "bia"),
        ("policies", "policy"),
        ("flashes", "flash"),
        ("patches", "patch"),
        ("caches", "cache"),
        ("boxes", "box"),
        ("sizes", "size"),
        ("phases", "phase"),
        ("sense", "sense"),
        ("optimisation", "optimization"),
        ("datasets", "dataset"),
    ],
)
def test_stem(word: str, stem: str) -> None:
    """A plural becomes its singular, and what only looks like one is left alone."""
    assert Section.of(word).words[0].stem == stem


def test_spans() -> None:
    """What is shown is the text itself, its white space made one blank."""
    section = Section.of("The \uff28igh-dim.\n  Spaces, of")
    spans = list(zip(section.begins, section.ends, strict=True))
    assert spans == [(0, 3), (4, 8), (9, 12), (16, 22), (24, 26)]
    assert section.source == "The High-dim.\n  Spaces, of"
    assert section.written(1, 4) == "High-dim. Spaces"
    assert section.written(1, 2) == "High"


def test_text_without_abstract() -> None:
    """A paper may have a title alone."""
    assert Text.of("A Title") == Text(title=Section.of("A Title"), abstract=Section.of(""))


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("vision language model", "New Vision-Language Models"),
        ("vision-language models", "a vision language model"),
        ("quantisation", "Quantization"),
        ("3D reconstruction", "3d Reconstruction"),
        ("C++", "written in c++."),
        ("LLM", "an LLM"),
        ("LLM", "many LLMs"),
        ("LLM", "LLM-based"),
        ("llm", "LLM"),
        ("llm", "Llms"),
        ("LMs", "LMs"),
        ("LM", "two LMs"),
        ("GPU", "eight GPUs"),
        ("ViT", "ViTs"),
        ("T2I", "a T2I model"),
        ("MLLMs", "mllm"),
        ("Mamba", "MAMBA"),
        ("LLM agent", "LLM Agents"),
        ("quantiz*", "Quantized nets"),
        ("quantiz*", "quantiz"),
        ("gnn*", "gnns"),
        ("noisy label*", "noisy labelling"),
        ("noisy label* ", "noisy labels"),
    ],
)
def test_meets(phrase: str, text: str) -> None:
    """Case, plural and hyphens do not count; an acronym keeps its spelling, a star takes any ending."""
    assert meets(phrase, text)


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("model", "remodel modelling"),
        ("language model", "language of a model"),
        ("language model", "model language"),
        ("language model", "a language"),
        ("C++", "C and D"),
        ("C", "C++"),
        ("SAM", "Sam said"),
        ("SAM", "sam"),
        ("ViT", "VIT"),
        ("LLM", "LLMss"),
        ("LLM agent", "llm agents"),
        ("quantiz*", "quantum"),
        ("quantiz*", "quant"),
        ("noisy label*", "noisy lab"),
        ("noisy label*", "clean labels"),
    ],
)
def test_meets_not(phrase: str, text: str) -> None:
    """Parts of words, words apart, and other spellings of an acronym do not meet."""
    assert not meets(phrase, text)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        *[("LLM", True), ("ViT", True), ("NeRF", True), ("T2I", True), ("AI", True)],
        *[("3D", False), ("Adam", False), ("LLaMA", False), ("rl", False), ("", False)],
    ],
)
def test_acronym(word: str, expected: bool) -> None:
    """An acronym has at most four characters, two of them capitals."""
    assert is_acronym(word) is expected


@pytest.mark.parametrize(
    ("phrase", "reason"),
    [
        ("", "'' holds no word"),
        (" -*", "' -*' holds no word"),
        ("quant* model", "'quant* model': a * may only stand at the end"),
        ("quant**", "'quant**': a * may only stand at the end"),
        ("3D*", "'3D*': at least 3 letters must stand before the *"),
        ("noisy la*", "'noisy la*': at least 3 letters must stand before the *"),
    ],
)
def test_refused(phrase: str, reason: str) -> None:
    """A phrase that would meet nothing, or half the dictionary, is refused with the reason."""
    exactly = f"^{re.escape(reason)}$"
    with pytest.raises(ValueError, match=exactly):
        Phrase.of(phrase)
    with pytest.raises(ValueError, match=exactly):
        Matcher([("key", phrase)])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("vision-language", "Vision languages", True),
        ("LLM", "LLM ", True),
        ("LLM", "llm", False),
        ("graph", "graph*", False),
        ("GNN*", "gnn*", True),
    ],
)
def test_parts(one: str, other: str, same: bool) -> None:
    """Phrases have equal parts where they meet the same texts."""
    assert (Phrase.of(one).parts == Phrase.of(other).parts) is same
    assert Phrase.of(one).text == one


def test_kinds() -> None:
    """A part says how it meets: by stem, by spelling, or by its beginning."""
    assert [part.kind.name for part in Phrase.of("an LLM label*").parts] == ["PLAIN", "ACRONYM", "PREFIX"]


def hit(key: str, phrase: str, written: str, title: int, abstract: int) -> Hit[str]:
    return Hit(key=key, phrase=phrase, written=written, title=title, abstract=abstract)


def test_counts() -> None:
    """A hit counts title and abstract apart, and shows the words as they first stand, in reading order."""
    matcher = Matcher([("graphs", "graph"), ("nets", "neural net*"), ("none", "tree"), ("maps", "map")])
    hits = matcher.find(Text.of("Neural\nNetworks on a Graph of graphs", "Maps. Graphs; a neural net, maps."))
    assert hits == (
        hit("nets", "neural net*", "Neural Networks", 1, 1),
        hit("graphs", "graph", "Graph", 2, 1),
        hit("maps", "map", "Maps", 0, 2),
    )
    assert [h.in_title for h in hits] == [True, True, False]
    assert [h.count for h in hits] == [2, 3, 2]


def test_no_overlap_under_one_key() -> None:
    """Under one key the leftmost, then the longest, is taken, and what overlaps it is not counted."""
    phrases = ["language model", "large language model", "large lang*", "model zoo"]
    matcher = Matcher(("llm", phrase) for phrase in phrases)
    assert matcher.find(Text.of("large language model zoo, language model; a model zoo")) == (
        hit("llm", "large language model", "large language model", 1, 0),
        hit("llm", "language model", "language model", 1, 0),
        hit("llm", "model zoo", "model zoo", 1, 0),
    )


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("neural nets (NNs) and trees", {"neural net": 1, "tree": 1}),
        ("NNs (neural nets) (trees)", {"NN": 1, "tree": 1}),
        ("neural nets, NNs", {"neural net": 1, "NN": 1}),
        ("neural nets for us (NNs)", {"neural net": 1, "NN": 1}),
        ("(NNs", {"NN": 1}),
        ("a (tree) NN", {"tree": 1, "NN": 1}),
    ],
)
def test_short_form_in_brackets(text: str, counts: dict[str, int]) -> None:
    """A phrase in brackets right behind another of its key is the same mention; elsewhere it counts."""
    matcher = Matcher([("key", "neural net"), ("key", "NN"), ("key", "tree")])
    assert {h.phrase: h.count for h in matcher.find(Text.of(text))} == counts


def test_keys_do_not_disturb_each_other() -> None:
    """Two keys may be met by the same words, and by the same phrase; the longer comes first."""
    matcher = Matcher([("a", "graph"), ("b", "graph net"), ("c", "graph net"), ("d", "graph*")])
    assert [(h.key, h.count) for h in matcher.find(Text.of("Graph nets"))] == [
        ("b", 1),
        ("c", 1),
        ("a", 1),
        ("d", 1),
    ]


def test_a_phrase_does_not_run_from_title_into_abstract() -> None:
    """Title and abstract are apart: no phrase spans both, and neither disturbs the other."""
    matcher = Matcher([("key", "graph net"), ("key", "tree")])
    assert matcher.find(Text.of("A Graph", "Net of trees")) == (hit("key", "tree", "trees", 0, 1),)
    assert matcher.find(Text.of("Tree", "Tree")) == (hit("key", "tree", "Tree", 1, 1),)


def test_nothing_to_find() -> None:
    """No phrases, or no words, give no hits."""
    assert Matcher[str]([]).find(Text.of("Graph", "Net")) == ()
    assert Matcher([("key", "graph")]).find(Text.of("", "")) == ()

"""Near-equal titles confirmed by their abstracts: two texts of one paper whose titles differ by a slip.

A wrong merge hides a paper from every reader, a missed one shows it twice and a person can join it; so what is
doubtful here is not alike. Abstracts alone say nothing: two of the founding papers, a paper and its longer
version, share a whole abstract, and only their titles tell them apart. For that reason "A Survey" and
"A Comprehensive Survey" are not alike either, even under one abstract: a short and a long version are called so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate, groupby

from rapidfuzz.distance import OSA, Indel, Levenshtein

from digest.ingest.titles import title_key

#: Letters and digits of an abstract that its blocking key is made of: some 18 words.
OPENING_LETTERS = 100
#: Words that both abstracts must have before one confirms the other.
LEAST_WORDS = 40
#: Abstracts agree up to this share of changed words, counted over the length of the shorter.
CHANGED = 0.2
#: Where no abstract knows either spelling of a slip, up to this share.
CHANGED_AT_MOST = 0.05
#: Letters that a title cut by an ellipsis must still show.
CUT_LETTERS = 20
#: Titles that share less of their letters are told apart without a look at their words.
SHARED = 0.6

_NEITHER_LETTER_NOR_DIGIT = re.compile(r"[\W_]+")
_HEADING = re.compile(r"\s*abstract\b", re.IGNORECASE)
_ELLIPSIS = re.compile(r"(?:…|\.\.\.)\s*$")
_NUMBER = re.compile(r"\d+")
_NUMERAL = re.compile(r"\d|^[ivxlc]+$")
# What the words of a title do not hold although it names another thing: C and C++, a > b and a < b.
_SIGN = re.compile(r"[+#*<>=≤≥≠±]|(?<=\w)--(?!\w)")
_ACCENTED = re.compile("([a-z])[\u0300-\u036f]+")
_LATIN = re.compile("[a-z]+")
# Only in long words can a slip be told from another word: names of models are short (llama and llava).
_LONG = re.compile("[a-z]{7,}")
# Joined to the next word these may turn its meaning round: "a symmetric" and "asymmetric".
_NEVER_JOINED = frozenset({"a", "an", "i", "in", "no", "not"})

# Plural to singular, British to American; both titles go through them, so they need not give real words, only
# never bring two words together: "four" and "for", "tilling" and "tiling", "gps" and "gp" stay apart.
_SPELLINGS = tuple(
    (re.compile(pattern), plain)
    for pattern, plain in (
        (r"(?<=[a-z]{2})(?:ies|y)$", "ie"),
        (r"(?:(?<=ss)|(?<=x)|(?<=sh)|(?<=ch)|(?<=ias))es$", ""),
        (r"(?<=[a-z]{3})(?<!bia)(?<!^new)(?<![sui])s$", ""),
        (r"(?<=[a-z]{3})is(?=(?:e[dr]?|ing|ation(?:al)?|able)$)", "iz"),
        (r"(?<=aly)s(?=(?:e[dr]?|ing)$)", "z"),
        (r"(?<=[a-z]{3})our", "or"),
        (r"(?<=[a-z]{2})([bt])re(?=d?$)", r"\1er"),
        (r"(?:(?<=[a-z]{2}e)|(?<=gna))ll(?=(?:ed|ing|er)$)", "l"),
        (r"(?<=log)ue$", ""),
        (r"(?<=^(?:def|off|lic))ence", "ense"),
        (r"(?:(?<=^p)(?=aed)|(?<=^h)(?=aem)|(?<=^an)(?=aes)|(?<=^arch)(?=aeo)|^(?=aesth))ae", "e"),
        (r"^grey", "gray"),
        (r"^artefact", "artifact"),
        (r"^programme$", "program"),
        (r"(?<=judg)ement", "ment"),
    )
)


@dataclass(frozen=True, slots=True, order=True)
class Text:
    """What `alike` looks at, both clean."""

    title: str
    abstract: str


def opening(abstract: str) -> str | None:
    """Give a key of how an abstract begins: only texts of equal opening are worth a comparison.

    Blanks, punctuation, case, hyphens and a heading "Abstract" make no difference.

    Args:
        abstract: Clean.

    Returns:
        16 hexadecimal digits; None where the abstract is too short to tell papers apart by.
    """
    begun = _HEADING.match(abstract)
    # Three characters a letter leave room for the blanks and signs between, and bound the work.
    start = begun.end() if begun else 0
    letters = _folded(abstract[start : start + 3 * OPENING_LETTERS]).replace(" ", "")[:OPENING_LETTERS]
    if len(letters) < OPENING_LETTERS:
        return None
    return blake2b(letters.encode("utf-8", "replace"), digest_size=8).hexdigest()


def alike(one: Text, other: Text) -> bool:
    """Whether two texts are of one paper: the titles differ by a slip at most, and the abstracts agree.

    No difference, each shown on titles: a hyphen ("Fine-Tuning", "Finetuning"), plural and British spelling
    ("Modelling Graphs", "Modeling Graph"), accents, an article ("The Lottery Ticket", "Lottery Ticket"), one
    slip in a long word unless the abstracts know both of its spellings, an end lost to an ellipsis if it held
    no number. Any other word, sign, number or order of words is another title.

    Symmetric. Costs little where titles differ; the abstracts are compared last.

    Example:
        >>> told = " ".join(f"finding {word}" for word in "abcdefghijklmnopqrstuvwxyz")
        >>> alike(Text("Colour Models of Plants", told), Text("Color Models of Plant", told))
        True
        >>> alike(Text("Supervised Colour Models", told), Text("Unsupervised Colour Models", told))
        False
    """
    one, other = sorted((one, other))
    slips = _slips(one.title, other.title)
    return slips is not None and _confirmed(_words(one.abstract), _words(other.abstract), slips)


def _slips(one: str, other: str) -> tuple[tuple[str, str], ...] | None:
    """The pairs of words that a slip may tell apart, one at most; None where the titles are two."""
    cuts = [bool(_ELLIPSIS.search(title)) for title in (one, other)]
    if cuts[0] == cuts[1] and Indel.normalized_similarity(one.casefold(), other.casefold()) < SHARED:
        return None
    left, right = _title_words(one), _title_words(other)
    if cuts[0] != cuts[1]:
        return () if _continues(*((left, right) if cuts[0] else (right, left))) else None
    if not left or _SIGN.findall(one) != _SIGN.findall(other) or _numbers(left) != _numbers(right):
        return None
    slips: list[tuple[str, str]] = []
    for start, before, after in _changes(left, right):
        if len(before) == len(after) == 1 and _may_be_slip(before[0], after[0]):
            slips.append((_plain(before[0]), _plain(after[0])))
        elif not _same_words(before, after) and not _is_article(start, before, after, len(left)):
            return None
    return tuple(slips) if len(slips) <= 1 else None


def _changes(left: Sequence[str], right: Sequence[str]) -> Iterator[tuple[int, Sequence[str], Sequence[str]]]:
    """Where the words differ by more than spelling: place in the first, and the words that stand there in each."""
    steps_of = Levenshtein.opcodes([_plain(word) for word in left], [_plain(word) for word in right])
    for same, run in groupby(steps_of, key=lambda step: step.tag == "equal"):
        if not same:
            steps = list(run)
            first, last = steps[0], steps[-1]
            yield (
                first.src_start,
                left[first.src_start : last.src_end],
                right[first.dest_start : last.dest_end],
            )


def _same_words(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether only blanks or hyphens tell these words apart."""
    joined = _plain("".join(before)) == _plain("".join(after))
    return joined and _NEVER_JOINED.isdisjoint((*before, *after))


def _is_article(start: int, before: Sequence[str], after: Sequence[str], length: int) -> bool:
    """Whether one title has an article more; an "a" that does not begin a title may be a name (Vitamin A)."""
    added = tuple(before or after)
    if (before and after) or len(added) != 1:
        return False
    ends = start == length - len(before)
    return not ends and (added[0] == "the" or (start == 0 and added[0] in ("a", "an")))


def _may_be_slip(one: str, other: str) -> bool:
    """Whether two long words differ by one letter lost, added, changed or swapped with the next.

    Never the first letter: people hardly miss it, and prefixes that negate stand there.
    """
    if one[0] != other[0] or not (_LONG.fullmatch(one) and _LONG.fullmatch(other)):
        return False
    spelt = (one, other), (_plain(one), _plain(other))  # a slip may stand in a plural, or be its very end
    return any(OSA.distance(first, second, score_cutoff=1) == 1 for first, second in spelt)


def _continues(cut: Sequence[str], whole: Sequence[str]) -> bool:
    """Whether a title is another's beginning, and the lost end could not tell parts or versions apart."""
    shown, letters = "".join(cut), "".join(whole)
    if len(shown) < CUT_LETTERS or not letters.startswith(shown):
        return False
    ends = accumulate(map(len, whole))
    lost = [word for word, end in zip(whole, ends, strict=True) if end > len(shown)]
    return not any(_NUMERAL.search(word) for word in lost)


def _confirmed(one: Sequence[str], other: Sequence[str], slips: Sequence[tuple[str, str]]) -> bool:
    """Whether the abstracts agree as far as both go, and bear out each slip.

    Of a slip's two spellings one alone may stand in them. Where neither does, they have to agree almost word for word.
    """
    shorter = min(len(one), len(other))
    if shorter < LEAST_WORDS:
        return False
    known = {_plain(word) for word in (*one, *other)} if slips else set()
    met = [(first in known) + (second in known) for first, second in slips]
    most = int(shorter * (CHANGED_AT_MOST if 0 in met else CHANGED))
    return 2 not in met and Levenshtein.distance(one[:shorter], other[:shorter], score_cutoff=most) <= most


def _numbers(words: Sequence[str]) -> list[str]:
    return _NUMBER.findall(" ".join(words))


def _title_words(title: str) -> list[str]:
    return _words(title_key(title.replace("&", " and ")))


def _words(text: str) -> list[str]:
    return _folded(text).split()


def _plain(word: str) -> str:
    """A word without what plural and British spelling make of it."""
    if _LATIN.fullmatch(word):
        for pattern, plain in _SPELLINGS:
            word = pattern.sub(plain, word)
    return word


def _folded(text: str) -> str:
    """Lower-case letters and digits between blanks, Latin letters without accents."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.casefold())
        text = unicodedata.normalize("NFKC", _ACCENTED.sub(r"\1", text))
    return _NEITHER_LETTER_NOR_DIGIT.sub(" ", text.lower()).strip()

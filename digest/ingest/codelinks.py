"""Links to code that an abstract names."""

from __future__ import annotations

import re

from digest.ingest.clean import clean

# `(?a:` because without it a host spelled with a dotless i would be taken for the real one.
# A repository has an owner and a name; a project page (github.io) and a bare profile are not code.
_CODE_LINK = re.compile(
    r"(?:(?:https?:)?//|(?<![\w.@/-]))(?:www\.)?"
    r"((?a:github\.com|gitlab\.com|bitbucket\.org|codeberg\.org|huggingface\.co)"
    r"/[\w.-]+/[^\s{}<>\[\]\"“”|^`]{1,300})",
    re.IGNORECASE,
)
_HOSTS = ("github.com/", "gitlab.com/", "bitbucket.org/", "codeberg.org/", "huggingface.co/")
#: Characters of `https://www.`.
_LONGEST_START = 12
# Pages of the model hub that hold no code or weights.
_NO_CODE = re.compile(r"huggingface\.co/(?:papers|blog|docs|collections|posts)/", re.IGNORECASE)


def code_urls(abstract: str) -> tuple[str, ...]:
    """Find the links to code, in the order they stand, each once, as https.

    Args:
        abstract: Raw or clean; TeX escapes and doubled braces around links are undone.

    Returns:
        `https://` links to a repository on GitHub, GitLab, Bitbucket, Codeberg or Hugging Face, without
        the full stop or bracket that follows them. Two that differ in `.git` or a last slash are one.
    """
    return links_of_clean(clean(abstract)) if _first_host(abstract) >= 0 else ()


def links_of_clean(abstract: str) -> tuple[str, ...]:
    """Find the links in an abstract that is clean already."""
    first = _first_host(abstract)
    if first < 0:
        return ()
    found: dict[str, str] = {}
    # The pattern is slow, and the links stand at the end of most abstracts.
    for match in _CODE_LINK.finditer(abstract, max(0, first - _LONGEST_START)):
        link = _bare(match[1])
        if not _NO_CODE.match(link) and link.rstrip("/").count("/") >= 2:
            found.setdefault(link.lower().removesuffix("/").removesuffix(".git"), f"https://{link}")
    return tuple(found.values())


def _first_host(text: str) -> int:
    """Where the first host stands, or before; -1 where none does."""
    if "/" not in text:
        return -1
    lowered = text.lower()
    first = min((place for place in map(lowered.find, _HOSTS) if place >= 0), default=-1)
    return first if len(lowered) == len(text) else min(first, 0)  # some letters are longer in lower case


def _bare(link: str) -> str:
    """Drop what belongs to the sentence: `.`, `,`, quotes, and a closing bracket that opens nowhere."""
    while link[-1] in ".,;:!?'’*" or (link[-1] == ")" and link.count(")") > link.count("(")):
        link = link[:-1]
    return link

"""A naive reading of the rules of identity, record by record, to hold the program's against."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from digest.ingest.identity import Name, Near

_T = TypeVar("_T")


def partition(names: Sequence[Name], near: Collection[Near]) -> set[frozenset[int]]:
    """Which records, by number, are one paper."""
    strays = [n for n, name in enumerate(names) if name.arxiv_id is None]
    firm = _closure(strays, lambda one, other: _meet(names[one], names[other]))
    ids = {group: min(_ids(names, group), default=None) for group in firm}
    loose = [group for group in firm if ids[group] is None]

    def is_near(one: frozenset[int], other: frozenset[int]) -> bool:
        return any(_are_near(names[a], names[b], near) for a in one for b in other)

    for cluster in _closure(loose, is_near):
        parts = [frozenset({group}) for group in cluster] if _told_apart(names, cluster) else [cluster]
        for part in parts:
            members = frozenset(number for group in part for number in group)
            found = min(_near_ids(names, members, near, firm), default=None)
            ids.update(dict.fromkeys(part, found or f"of {min(members)}"))
    papers: dict[str, set[int]] = {}
    for group, its_id in ids.items():
        papers.setdefault(str(its_id), set()).update(group)
    for number, name in enumerate(names):
        if name.arxiv_id is not None:
            papers.setdefault(name.arxiv_id, set()).add(number)
    return {frozenset(group) for group in papers.values()}


def _closure(members: Sequence[_T], joined: Callable[[_T, _T], bool]) -> list[frozenset[_T]]:
    groups = [frozenset({member}) for member in members]
    while True:
        for one in groups:
            for other in groups:
                if one is not other and any(joined(a, b) for a in one for b in other):
                    groups = [g for g in groups if g not in (one, other)] + [one | other]
                    break
            else:
                continue
            break
        else:
            return groups


def _meet(one: Name, other: Name) -> bool:
    return one.title_key == other.title_key or (one.doi is not None and one.doi == other.doi)


def _ids(names: Sequence[Name], group: Collection[int]) -> list[str]:
    return [n.arxiv_id for n in names if n.arxiv_id and any(_meet(n, names[mine]) for mine in group)]


def _are_near(one: Name, other: Name, near: Collection[Near]) -> bool:
    return (one.text, other.text) in near or (other.text, one.text) in near


def _dois(names: Sequence[Name], group: Collection[int]) -> set[str]:
    return {doi for number in group if (doi := names[number].doi)}


def _told_apart(names: Sequence[Name], cluster: Collection[frozenset[int]]) -> bool:
    return sum(bool(_dois(names, group)) for group in cluster) > 1


def _near_ids(
    names: Sequence[Name],
    members: Collection[int],
    near: Collection[Near],
    firm: Collection[frozenset[int]],
) -> list[str]:
    dois = _dois(names, members)
    found = []
    for name in names:
        if name.arxiv_id and not (dois and name.doi):
            found += [name.arxiv_id for mine in members if _are_near(name, names[mine], near)]
    for group in firm:
        its_id = min(_ids(names, group), default=None)
        if its_id and not (dois and _dois(names, group)):
            found += [its_id for a in members for b in group if _are_near(names[a], names[b], near)]
    return found

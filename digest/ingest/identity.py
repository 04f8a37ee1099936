"""Which records are one paper: a function of the set of records, never of their order.

- Records with one arXiv id are one paper, and two arXiv ids are always two.
- Records without one meet by title or by DOI, and so do those that they meet with. Such a group belongs to the paper of
  the smallest arXiv id that a record with one of its titles or DOIs has.
- A group that this leaves without an arXiv id looks for texts that are near-equal to one of its own: with other such
  groups it is one, and it goes to the smallest arXiv id that they find. A title or a DOI that leads to a paper is
  never overruled by a text that is merely near.
- Near-equal texts do not join what different DOIs tell apart: of groups that only they connect one at most has DOIs,
  or none of these connections counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """What a record is known by."""

    title_key: str
    arxiv_id: str | None = None
    doi: str | None = None
    text: int = 0  #: its revision


@dataclass(frozen=True, slots=True, order=True)
class Owner:
    """The paper that records without arXiv id belong to."""

    arxiv_id: str | None
    title_key: str = ""  #: the smallest of its titles, where it has no arXiv id


#: Texts that are near-equal, by revision.
Near = tuple[int, int]


@dataclass(slots=True, eq=False)
class _Group:
    """Records without arXiv id that meet by title or DOI."""

    titles: set[str] = field(default_factory=set)
    dois: set[str] = field(default_factory=set)
    texts: set[int] = field(default_factory=set)
    arxiv_id: str | None = None

    def take(self, other: _Group) -> None:
        self.titles |= other.titles
        self.dois |= other.dois
        self.texts |= other.texts


def owners(names: Iterable[Name], near: Collection[Near] = ()) -> dict[str, Owner]:
    """Find the paper of all records without arXiv id.

    Args:
        names: Of all records, in any order; as many as are connected with one another will do.
        near: Pairs of near-equal texts, in any order.

    Returns:
        By title: records of one title without arXiv id are one paper.
    """
    known = list(names)
    strays = [name for name in known if name.arxiv_id is None]
    listed = [name for name in known if name.arxiv_id is not None]
    by_title = _firm(strays)
    groups = list({id(group): group for group in by_title.values()}.values())
    _claim(groups, by_title, listed)
    found = {id(group): _owner([group]) for group in groups}
    if near:
        for cluster, its_owner in _near_owners(groups, listed, near):
            found.update({id(group): its_owner for group in cluster})
    return {title: found[id(group)] for title, group in by_title.items()}


def _owner(groups: Iterable[_Group], arxiv_id: str | None = None) -> Owner:
    ids = [group.arxiv_id for group in groups if group.arxiv_id]
    if arxiv_id or ids:
        return Owner(arxiv_id or min(ids))
    return Owner(None, min(min(group.titles) for group in groups))


def _firm(strays: Iterable[Name]) -> dict[str, _Group]:
    """Bring together what meets by title or DOI; the group of each title."""
    by_title: dict[str, _Group] = {}
    by_doi: dict[str, _Group] = {}
    for name in strays:
        group = by_title.setdefault(name.title_key, _Group(titles={name.title_key}))
        group.texts.add(name.text)
        if name.doi is None:
            continue
        other = by_doi.setdefault(name.doi, group)
        if other is not group:
            small, group = sorted((group, other), key=lambda one: len(one.titles) + len(one.dois))
            group.take(small)
            by_title.update(dict.fromkeys(small.titles, group))
            by_doi.update(dict.fromkeys(small.dois, group))
        group.dois.add(name.doi)
    return by_title


def _claim(groups: Iterable[_Group], by_title: Mapping[str, _Group], listed: Iterable[Name]) -> None:
    """Give each group the smallest arXiv id that a record of its titles or DOIs has."""
    by_doi = {doi: group for group in groups for doi in group.dois}
    for name in listed:
        for group in (by_title.get(name.title_key), by_doi.get(name.doi or "")):
            if group is not None:
                assert name.arxiv_id is not None, "sorted out before"
                group.arxiv_id = min(group.arxiv_id or name.arxiv_id, name.arxiv_id)


def _near_owners(
    groups: Iterable[_Group], listed: Iterable[Name], near: Iterable[Near]
) -> Iterator[tuple[list[_Group], Owner]]:
    """The groups that no title and no DOI leads to an arXiv id, as near-equal texts connect them, each with its owner."""
    beside: dict[int, set[int]] = {}
    for one, other in near:
        beside.setdefault(one, set()).add(other)
        beside.setdefault(other, set()).add(one)
    holding: dict[int, list[_Group]] = {}
    for group in groups:
        for text in group.texts & beside.keys():
            holding.setdefault(text, []).append(group)
    naming: dict[int, list[Name]] = {}
    for name in listed:
        if name.text in beside:
            naming.setdefault(name.text, []).append(name)
    for cluster in _clusters(groups, beside, holding):
        dois = set().union(*(group.dois for group in cluster))
        texts = {text for group in cluster for mine in group.texts for text in beside.get(mine, ())}
        ids = [g.arxiv_id for t in texts for g in holding.get(t, ()) if not (dois and g.dois)]
        ids += [n.arxiv_id for t in texts for n in naming.get(t, ()) if not (dois and n.doi)]
        yield cluster, _owner(cluster, min((its for its in ids if its), default=None))


def _clusters(
    groups: Iterable[_Group], beside: Mapping[int, set[int]], holding: Mapping[int, list[_Group]]
) -> Iterator[list[_Group]]:
    """Loose groups that near-equal texts connect; each alone where different DOIs tell some of them apart."""
    seen: set[int] = set()
    for start in groups:
        if start.arxiv_id is not None or id(start) in seen:
            continue
        cluster, waiting = [], [start]
        seen.add(id(start))
        while waiting:
            group = waiting.pop()
            cluster.append(group)
            texts = {text for mine in group.texts for text in beside.get(mine, ())}
            for other in (other for text in texts for other in holding.get(text, ())):
                if other.arxiv_id is None and id(other) not in seen:
                    seen.add(id(other))
                    waiting.append(other)
        if sum(bool(group.dois) for group in cluster) > 1:
            yield from ([group] for group in cluster)
        else:
            yield cluster

"""What one look at a source asks for, and what a kind of source has to say of itself."""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from digest.sources.source import Source


def never(_data: bytes) -> bool:
    """No answer is blank: one that lists nothing is a fault."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One document to ask for."""

    url: str  #: as it is sent; a token may stand in it
    name: str  #: as the dump is called, without what may be secret
    seen_on: dt.date  #: the day that the answer stands for
    absent: frozenset[int] = frozenset()  #: statuses that say that there is nothing, and no more than that
    blank: Callable[[bytes], bool] = never  #: whether an answer lists nothing, as is usual here
    goes_on: bool = False  #: it is a page of a list: the next one is not asked for once one is blank

    @property
    def key(self) -> str:
        """What the answer is remembered by: the address, without repeating what is secret in it."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of source: its requests, and what its settings are where the operator gives none."""

    #: The requests of one look, in order; a function of the source and the day alone.
    requests: Callable[[Source, dt.date], Iterator[Request]]
    takes: frozenset[str] = frozenset()  #: settings that have a meaning for this kind, not for all
    needs: frozenset[str] = frozenset()  #: settings that it cannot do without
    url: str = ""  #: the public one, where there is one
    every: dt.timedelta = dt.timedelta(hours=1)
    pause: dt.timedelta = dt.timedelta(seconds=1)
    days: int = 2
    least_pause: dt.timedelta = dt.timedelta(0)  #: what its terms of use ask for


def one_request(source: Source, day: dt.date) -> Iterator[Request]:
    """The address as it stands: all that most kinds ask for."""
    yield Request(url=source.url, name=shown(source.url), seen_on=day)


def is_address(url: str) -> bool:
    """Whether a URL names a host that can be looked up, and a port that there may be; it is not asked."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if "[" in parts.netloc:
            ipaddress.IPv6Address(host)
        host.encode("idna")
        return url.isprintable() and host.strip(".") != "" and parts.port != 0
    except ValueError:  # of whatever part; UnicodeError, for a label that is empty or too long, is one
        return False


def with_query(url: str, **added: str | int) -> str:
    """The URL with these parameters, beside or in place of those that it has."""
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query, True) if name not in added]
    return urlunsplit(parts._replace(query=urlencode([*kept, *added.items()]), fragment=""))


def shown(url: str) -> str:
    """The URL as logs, errors and names of dumps may hold it: without user, password, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

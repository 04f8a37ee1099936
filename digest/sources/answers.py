"""What came of a request: a document, the word that the last one stands, nothing, or a failure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from digest.sources.dump import Oversize, RawDump

#: Hugging Face says it so: `RateLimit: "api";r=0;t=55`.
_RESET = re.compile(r";\s*t=([0-9]{1,9})(?![0-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Validator:
    """What an answer is known by, at its server and here."""

    etag: str | None = None
    last_modified: str | None = None
    sha256: str  #: of the decompressed bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """A document, and what to ask with next time; None where the server gave nothing for it."""

    opened: RawDump | Oversize
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Same:
    """304: the bytes of the last answer stand."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is no such document yet, or it lists nothing, and that is usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """No answer that can be used."""

    reason: str  #: host and reason, in words for an admin; nothing of the query
    later: dt.timedelta | None = None  #: for how long the server asked to be left alone


Answer = Got | Same | Nothing | Failed


def asked_to_wait(headers: Mapping[str, str], now: dt.datetime) -> dt.timedelta | None:
    """For how long a server asks to be left alone: by `Retry-After`, in seconds or as a date, else by `RateLimit`.

    Source:
        RFC 9110, section 10.2.3; draft-ietf-httpapi-ratelimit-headers.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return dt.timedelta(seconds=int(text[:9]))
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:  # "-0000": UTC, of nowhere in particular
            moment = moment.replace(tzinfo=dt.UTC)
        return max(moment - now, dt.timedelta(0))
    except (ValueError, OverflowError):
        reset = _RESET.search(headers.get("RateLimit", ""))
        return dt.timedelta(seconds=int(reset[1])) if reset else None

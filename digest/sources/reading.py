"""Reading a stream under a cap: never more than the cap in memory, never without end."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from typing import Protocol

from digest.sources.dump import Oversize, RawDump

CHUNK_BYTES = 256 * 1024

#: Over the cap, reading goes on for the hash alone, up to this multiple of the cap: with 64 MiB, a
#: bomb costs 1.3 GB of inflating and hashing (6 s on a busy core) and an endless pipe ends.
HASHED_CAPS = 20


class Stream(Protocol):
    """Bytes to read: a file, a pipe, what a decompressor gives."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


def read_dump(stream: Stream, *, name: str, cap_bytes: int, modified_at: dt.datetime) -> RawDump | Oversize:
    """Read a stream to its end, or measure it where it is over the cap.

    Raises:
        OSError: And whatever else the stream raises: the caller knows what it opened.
    """
    # getvalue() of a BytesIO hands its buffer over without a copy; joining chunks would hold two.
    kept = io.BytesIO()
    while chunk := stream.read(min(CHUNK_BYTES, cap_bytes + 1 - kept.tell())):
        kept.write(chunk)
        if kept.tell() > cap_bytes:
            digest = hashlib.sha256(kept.getvalue())
            kept.close()
            return _measured(stream, digest, cap_bytes + 1, name=name, most_bytes=HASHED_CAPS * cap_bytes)
    return RawDump(name=name, data=kept.getvalue(), modified_at=modified_at)


def _measured(stream: Stream, digest: hashlib._Hash, size: int, *, name: str, most_bytes: int) -> Oversize:
    chunk = b"-"
    while chunk and size < most_bytes:
        chunk = stream.read(min(CHUNK_BYTES, most_bytes - size))
        digest.update(chunk)
        size += len(chunk)
    whole = not chunk or not stream.read(1)
    return Oversize(name=name, size_bytes=size, sha256=digest.hexdigest(), whole=whole)

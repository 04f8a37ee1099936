"""Reading under a cap."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import tracemalloc

import pytest

from digest.sources.dump import Oversize, RawDump
from digest.sources.reading import CHUNK_BYTES, HASHED_CAPS, read_dump

AT = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


class Endless:
    """Zeros, as many as are asked for; counts them."""

    def __init__(self) -> None:
        self.given = 0
        self.largest = 0

    def read(self, size: int, /) -> bytes:
        self.given += size
        self.largest = max(self.largest, size)
        return bytes(size)


class Dribble(io.BytesIO):
    """Gives one byte at a time, as a slow pipe does."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(1 if size else 0)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("kind", [io.BytesIO, Dribble])
@pytest.mark.parametrize("size", [0, 1, 9, 10])
def test_up_to_the_cap_is_a_dump(kind: type[io.BytesIO], size: int) -> None:
    """The cap itself is allowed; bytes, name and time come through."""
    found = read_dump(kind(b"x" * size), name="n", cap_bytes=10, modified_at=AT)
    assert found == RawDump(name="n", data=b"x" * size, modified_at=AT)


@pytest.mark.parametrize("kind", [io.BytesIO, Dribble])
@pytest.mark.parametrize("size", [11, 12, 10 * HASHED_CAPS - 1, 10 * HASHED_CAPS])
def test_over_the_cap_is_measured_whole(kind: type[io.BytesIO], size: int) -> None:
    """A byte more is oversize; its size and hash are those of all its bytes."""
    data = bytes(range(size % 256)) * (size // max(1, size % 256) + 1)
    found = read_dump(kind(data[:size]), name="n", cap_bytes=10, modified_at=AT)
    assert found == Oversize(name="n", size_bytes=size, sha256=sha256(data[:size]), whole=True)


@pytest.mark.parametrize("kind", [io.BytesIO, Dribble])
def test_far_over_the_cap_measuring_stops(kind: type[io.BytesIO]) -> None:
    """Past 20 caps the size is a lower bound and the hash that of the beginning."""
    found = read_dump(kind(b"x" * 201), name="n", cap_bytes=10, modified_at=AT)
    assert found == Oversize(name="n", size_bytes=200, sha256=sha256(b"x" * 200), whole=False)


def test_endless_stream_ends() -> None:
    """A stream without end is read to 20 caps and a byte, in pieces."""
    stream, cap_bytes = Endless(), 3 * CHUNK_BYTES + 5
    found = read_dump(stream, name="n", cap_bytes=cap_bytes, modified_at=AT)
    assert isinstance(found, Oversize)
    assert found.size_bytes == HASHED_CAPS * cap_bytes
    assert stream.given == HASHED_CAPS * cap_bytes + 1
    assert stream.largest == CHUNK_BYTES


@pytest.mark.parametrize("size_caps", [1, 5])
def test_memory_stays_near_the_cap(size_caps: int) -> None:
    """Neither a dump at the cap nor one beyond it takes a second copy."""
    cap_bytes = 8 * 1024 * 1024
    stream = io.BytesIO(bytes(cap_bytes * size_caps))
    tracemalloc.start()
    try:
        found = read_dump(stream, name="n", cap_bytes=cap_bytes, modified_at=AT)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(found, RawDump) is (size_caps == 1)
    assert peak_bytes < 1.5 * cap_bytes

"""The members of a zip archive, each a dump of its own."""

from __future__ import annotations

import datetime as dt
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from digest.sources.dump import Opened, Oversize, Unreadable
from digest.sources.reading import HASHED_CAPS, read_dump

#: The list of members is read at once: 1 MiB holds 19,000 with short names, which take 10 MB.
LIST_BYTES_MAX = 1024 * 1024

NESTED = (".zip", ".gz")

# Only these two inflate step by step: zipfile gives bzip2 and LZMA 4 KB of input at once and takes all
# that comes out, and 178 bytes of bzip2 come out as 200 MB.
_INFLATED_IN_STEPS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_NO_YEAR = 1980  # the first that the form can hold, and what tools write that leave the time out

_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, struct.error, NotImplementedError)


class _Frugal(io.FileIO):
    """A file that refuses the one read whose size an archive dictates: that of its list of members."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size > LIST_BYTES_MAX:
            raise zipfile.BadZipFile("its list of members is too long")
        return super().read(size)


def open_members(path: Path, *, name: str, cap_bytes: int, modified_at: dt.datetime) -> Iterator[Opened]:
    """Open the members of an archive, sorted by name; hidden and half-written ones are left out.

    What all members over the cap may cost is what one may: thousands of them can share their bytes.
    Encrypted members, and those packed by other means than deflate, are unreadable; archives inside
    the archive are not opened. A member without a date of its own has the archive's.
    """
    try:
        with _Frugal(path) as file, zipfile.ZipFile(file) as archive:
            yield from _members(archive, name=name, cap_bytes=cap_bytes, modified_at=modified_at)
    except _BROKEN as error:
        yield Unreadable(name=name, reason=f"no readable zip archive: {error}")


def is_ignored(name: str) -> bool:
    """Whether a file name says: not for you (hidden), or not yet (half-written)."""
    return name.startswith((".", "__MACOSX")) or name.endswith((".part", ".tmp"))


def _members(
    archive: zipfile.ZipFile, *, name: str, cap_bytes: int, modified_at: dt.datetime
) -> Iterator[Opened]:
    members = [member for member in archive.infolist() if _is_wanted(member)]
    if not members:
        yield Unreadable(name=name, reason="the archive holds no files")
    left_bytes = HASHED_CAPS * cap_bytes
    for member in sorted(members, key=lambda each: each.filename):
        full_name = f"{name}!{member.filename}"
        reason = _refusal(member) or ("" if left_bytes > 0 else "the archive unpacks to too much")
        if reason:
            yield Unreadable(name=full_name, reason=reason)
            continue
        at = _member_time(member) or modified_at
        try:
            with archive.open(member) as stream:
                found = read_dump(stream, name=full_name, cap_bytes=cap_bytes, modified_at=at)
            left_bytes -= found.size_bytes if isinstance(found, Oversize) else 0
            yield found
            del found  # its bytes, before the next one's come
        except _BROKEN as error:
            yield Unreadable(name=full_name, reason=f"damaged in the archive: {error}")


def _is_wanted(member: zipfile.ZipInfo) -> bool:
    name = member.filename  # may be empty in a damaged archive, where is_dir() fails
    ignored = any(is_ignored(part) for part in PurePosixPath(name).parts)
    return bool(name) and not name.endswith("/") and not ignored


def _refusal(member: zipfile.ZipInfo) -> str:
    """Why a member is not opened; "" where it is."""
    if member.flag_bits & _ENCRYPTED:
        return "encrypted"
    if member.compress_type not in _INFLATED_IN_STEPS:
        return "packed by another method than deflate"
    if member.filename.casefold().endswith(NESTED):
        return "an archive inside an archive is not opened"
    return ""


def _member_time(member: zipfile.ZipInfo) -> dt.datetime | None:
    """The member's own time, which has no zone and is read as UTC; None where it says none."""
    if member.date_time[0] <= _NO_YEAR:
        return None
    try:
        return dt.datetime(*member.date_time, tzinfo=dt.UTC)
    except ValueError:  # month 0, or 62 seconds: the fields are wider than the calendar
        return None

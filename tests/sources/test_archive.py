"""Zip archives: each member a dump of its own."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import random
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from digest.sources.archive import LIST_BYTES_MAX, open_members
from digest.sources.dump import Oversize, RawDump, Unreadable
from digest.sources.files import open_paths

ARCHIVE_AT = dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)
MEMBER_TIME = (2026, 2, 3, 4, 5, 6)
MEMBER_AT = dt.datetime(2026, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
Found = list[RawDump | Oversize | Unreadable]


def packed(
    *members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED, time: tuple[int, ...] = MEMBER_TIME
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members:
            info = zipfile.ZipInfo(name, time)  # type: ignore[arg-type]  # six numbers
            info.compress_type = method
            archive.writestr(info, data)
    return buffer.getvalue()


def opened(folder: Path, data: bytes, cap_bytes: int = 1000) -> Found:
    path = folder / "a.zip"
    path.write_bytes(data)
    return list(open_members(path, name="a.zip", cap_bytes=cap_bytes, modified_at=ARCHIVE_AT))


def dump(member: str, data: bytes, modified_at: dt.datetime = MEMBER_AT) -> RawDump:
    return RawDump(name=f"a.zip!{member}", data=data, modified_at=modified_at)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_are_dumps(tmp_path: Path, method: int) -> None:
    """Sorted by name, each with its own time; folders, hidden and half-written ones are left out."""
    data = packed(
        ("b.txt", b"two"),
        ("sub/", b""),
        ("sub/a.txt", b"three"),
        ("a.txt", b"one"),
        (".hidden", b""),
        ("__MACOSX/a.txt", b""),
        (".git/x", b""),
        ("x.part", b""),
        ("x.tmp", b""),
        method=method,
    )
    assert opened(tmp_path, data) == [
        dump("a.txt", b"one"),
        dump("b.txt", b"two"),
        dump("sub/a.txt", b"three"),
    ]


def test_archive_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`open_paths` knows an archive by its ending, in any case, and names members after it."""
    monkeypatch.chdir(tmp_path)
    Path("dumps").mkdir()
    Path("dumps/A.ZIP").write_bytes(packed(("m.txt", b"one")))
    found = list(open_paths(["dumps"], stdin=io.BytesIO(), now=ARCHIVE_AT))
    assert found == [RawDump(name="dumps/A.ZIP!m.txt", data=b"one", modified_at=MEMBER_AT)]


@pytest.mark.parametrize(
    ("time", "modified_at"),
    [
        ((1980, 1, 1, 0, 0, 0), ARCHIVE_AT),  # what reproducible archives write
        ((1981, 1, 1, 0, 0, 0), dt.datetime(1981, 1, 1, tzinfo=dt.UTC)),
        ((2026, 0, 1, 0, 0, 0), ARCHIVE_AT),
        ((2026, 2, 30, 0, 0, 0), ARCHIVE_AT),
        ((2026, 2, 3, 4, 5, 62), ARCHIVE_AT),
    ],
)
def test_member_without_a_time_has_the_archives(
    tmp_path: Path, time: tuple[int, ...], modified_at: dt.datetime
) -> None:
    """A time that is left out, or that no calendar has, is the archive's."""
    assert opened(tmp_path, packed(("m", b"x"), time=time)) == [dump("m", b"x", modified_at)]


@pytest.mark.parametrize("members", [(), (("sub/", b""),), ((".hidden", b""),)])
def test_archive_without_files_is_said(tmp_path: Path, members: tuple[tuple[str, bytes], ...]) -> None:
    """An archive that gives nothing is reported."""
    assert opened(tmp_path, packed(*members)) == [
        Unreadable(name="a.zip", reason="the archive holds no files")
    ]


@pytest.mark.parametrize("name", ["x.zip", "x.GZ"])
def test_archive_inside_is_not_opened(tmp_path: Path, name: str) -> None:
    """Archives in archives are reported, the members beside them opened."""
    assert opened(tmp_path, packed((name, b"PK"), ("y", b"y"))) == [
        Unreadable(name=f"a.zip!{name}", reason="an archive inside an archive is not opened"),
        dump("y", b"y"),
    ]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods_are_not_opened(tmp_path: Path, method: int) -> None:
    """Methods that do not inflate in steps could fill the memory from a few bytes."""
    assert opened(tmp_path, packed(("m", b"x"), method=method)) == [
        Unreadable(name="a.zip!m", reason="packed by another method than deflate")
    ]


def test_encrypted_member_is_not_opened(tmp_path: Path) -> None:
    """A member with the encryption bit is reported as such."""
    data = bytearray(packed(("m", b"x")))
    data[6] |= 1  # flags of the member's own head
    data[data.index(b"PK\x01\x02") + 8] |= 1  # and of the list
    assert opened(tmp_path, bytes(data)) == [Unreadable(name="a.zip!m", reason="encrypted")]


def test_spoilt_member_leaves_the_others(tmp_path: Path) -> None:
    """A member whose checksum fails gives nothing; the next is opened."""
    data = packed(("a", b"alpha"), ("b", b"beta"), method=zipfile.ZIP_STORED).replace(b"alpha", b"alphb")
    first, second = opened(tmp_path, data)
    assert isinstance(first, Unreadable)
    assert first.name == "a.zip!a"
    assert first.reason.startswith("damaged in the archive: ")
    assert second == dump("b", b"beta")


def test_member_over_the_cap_is_measured(tmp_path: Path) -> None:
    """The cap is that of one member; size and hash are those of its content."""
    data = packed(("a", b"x" * 1001), ("b", b"y" * 1000))
    assert opened(tmp_path, data) == [
        Oversize(name="a.zip!a", size_bytes=1001, sha256=hashlib.sha256(b"x" * 1001).hexdigest(), whole=True),
        dump("b", b"y" * 1000),
    ]


def test_bombs_cost_together_what_one_may(tmp_path: Path) -> None:
    """Members can share their bytes, so that an archive of 1 MB held the program for a day; what fits is still read."""
    bombs = [(f"{number:02}", b"\0" * 8_000) for number in range(9)]
    *first, late, last = opened(tmp_path, packed(*bombs[:2], ("02", b"rye"), *bombs[3:]))
    assert [type(found) for found in first] == [
        Oversize,
        Oversize,
        RawDump,
        Oversize,
        Unreadable,
        Unreadable,
        Unreadable,
    ]
    assert late == Unreadable(name="a.zip!07", reason="the archive unpacks to too much")
    assert last == Unreadable(name="a.zip!08", reason="the archive unpacks to too much")


def test_bomb_is_refused_in_little_memory(tmp_path: Path) -> None:
    """50 MB of zeros in 50 KB: refused at a cap of 1 MB, with under 3 MB held."""
    data = packed(("m", bytes(50_000_000)))
    tracemalloc.start()
    try:
        (found,) = opened(tmp_path, data, cap_bytes=1_000_000)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(found, Oversize)
    assert (found.size_bytes, found.whole) == (20_000_000, False)
    assert peak_bytes < 3_000_000


def test_members_are_held_one_at_a_time(tmp_path: Path) -> None:
    """Forty members of a megabyte take the memory of one or two."""
    path = tmp_path / "a.zip"
    path.write_bytes(packed(*((f"m{n:02}", bytes(1_000_000)) for n in range(40))))
    tracemalloc.start()
    try:
        stream = open_members(path, name="a.zip", cap_bytes=2_000_000, modified_at=ARCHIVE_AT)
        assert sum(isinstance(found, RawDump) for found in stream) == 40
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 4_000_000


def test_endless_list_of_members_is_refused(tmp_path: Path) -> None:
    """A list of members over a megabyte is not read."""
    names = [("n" * 60_000 + str(n), b"") for n in range(LIST_BYTES_MAX // 60_000 + 1)]
    assert opened(tmp_path, packed(*names)) == [
        Unreadable(name="a.zip", reason="no readable zip archive: its list of members is too long")
    ]


@pytest.mark.parametrize("data", [b"", b"PK", b"plain text", b"PK\x05\x06" + b"\xff" * 18])
def test_no_archive_is_unreadable(tmp_path: Path, data: bytes) -> None:
    """What is no zip archive at all is reported."""
    (found,) = opened(tmp_path, data)
    assert isinstance(found, Unreadable)
    assert found.name == "a.zip"
    assert found.reason.startswith("no readable zip archive: ")


def test_member_without_a_name_is_left_out(tmp_path: Path) -> None:
    """A list whose entry has lost its name gives nothing, and no error."""
    data = bytearray(packed(("m", b"x")))
    entry = data.index(b"PK\x01\x02")
    data[entry + 28] = 0  # length of the name
    data[entry + 32] = 1  # length of the comment: the letter belongs to it now
    assert opened(tmp_path, bytes(data)) == [Unreadable(name="a.zip", reason="the archive holds no files")]


def test_any_damage_is_a_value(tmp_path: Path) -> None:
    """Cut anywhere, or with bytes changed at random: dumps or reasons, never an exception."""
    random_ = random.Random(7)
    whole = packed(("a.txt", b"alpha" * 20), ("grün.txt", b"beta" * 20))
    cuts = [whole[:end] for end in range(len(whole))]
    assert all(isinstance(found, Unreadable) for cut in cuts for found in opened(tmp_path, cut))
    for _ in range(2000):
        data = bytearray(whole)
        for _ in range(random_.randint(1, 4)):
            data[random_.randrange(len(data))] = random_.choice(
                (0, 1, 0x7F, 0x80, 0xFF, random_.randrange(256))
            )
        for found in opened(tmp_path, bytes(data)):
            assert isinstance(found, RawDump | Oversize | Unreadable)

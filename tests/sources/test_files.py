"""Opening what a person names."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import inspect
import io
import os
import sys
import threading
import tracemalloc
from pathlib import Path

import pytest

from digest.sources.dump import Oversize, RawDump, Unreadable
from digest.sources.files import CAP_BYTES, open_paths, settled

AT = dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)
NOW = dt.datetime(2026, 3, 4, 13, tzinfo=dt.timezone(dt.timedelta(hours=1)))
Found = list[RawDump | Oversize | Unreadable]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test stands in an empty folder, so that names can be relative."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(name: str, data: bytes = b"text") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (AT.timestamp(), AT.timestamp()))
    return path


def opened(*paths: str, cap_bytes: int = 1000, stdin: bytes = b"") -> Found:
    return list(open_paths(paths, cap_bytes=cap_bytes, stdin=io.BytesIO(stdin), now=NOW))


def dump(name: str, data: bytes = b"text", modified_at: dt.datetime = AT) -> RawDump:
    return RawDump(name=name, data=data, modified_at=modified_at)


def test_cap_is_64_mib() -> None:
    """The cap when nobody says otherwise."""
    assert CAP_BYTES == 64 * 1024**2


@pytest.mark.parametrize("name", ["a.txt", "./a.txt", "sub/a.txt", ".hidden", "half.part", "x"])
def test_file_is_named_as_it_was_given(name: str) -> None:
    """A file that is named is opened, hidden or not, with the name as given and the file's time."""
    put(name, b"\x00\xff\r\n")
    assert opened(name) == [dump(name, b"\x00\xff\r\n")]
    assert opened(name)[0].modified_at.tzinfo is dt.UTC  # type: ignore[union-attr]  # a dump, as just shown


def test_absolute_path_stays_absolute(here: Path) -> None:
    """Nothing is cut from the name."""
    put("a.txt")
    assert opened(str(here / "a.txt")) == [dump(f"{here}/a.txt")]


def test_order_is_that_of_the_command() -> None:
    """Paths are opened as they are named; one twice is opened twice."""
    put("b")
    put("a")
    assert [each.name for each in opened("b", "-", "a", "b")] == ["b", "-", "a", "b"]


def test_one_document_at_a_time() -> None:
    """A path is opened only when its turn comes."""
    put("a")
    stream = open_paths(["a", "b"], stdin=io.BytesIO(), now=NOW)
    assert next(stream) == dump("a")
    put("b", b"later")
    assert list(stream) == [dump("b", b"later")]


def test_standard_input_is_taken_as_it_comes() -> None:
    """`-` gives the bytes with the time of now, under the same cap."""
    assert opened("-", stdin=b"\x1f\x8bxyz") == [dump("-", b"\x1f\x8bxyz", NOW)]
    (over,) = opened("-", stdin=b"x" * 11, cap_bytes=10)
    assert over == Oversize(name="-", size_bytes=11, sha256=hashlib.sha256(b"x" * 11).hexdigest(), whole=True)


def test_broken_standard_input_is_unreadable() -> None:
    """An input that fails is reported as a value."""

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    assert list(open_paths(["-"], stdin=Broken(), now=NOW)) == [
        Unreadable(name="-", reason="Input/output error")
    ]


@pytest.mark.parametrize("given", ["dumps", "dumps/", "./dumps"])
def test_folder_gives_its_files_by_name(given: str) -> None:
    """Sorted, with folders inside in their place; hidden and half-written ones are left out."""
    for name in ("b.txt", "a/z.txt", "a/y/x.txt", "c.txt", "B.txt"):
        put(f"dumps/{name}")
    for name in (".hidden", ".git/x", "a/.x", "n.part", "n.tmp", "__MACOSX/x", "t.part/x"):
        put(f"dumps/{name}")
    prefix = given.rstrip("/")
    assert opened(given) == [
        dump(f"{prefix}/{name}") for name in ("B.txt", "a/y/x.txt", "a/z.txt", "b.txt", "c.txt")
    ]


@pytest.mark.parametrize("content", [[], [".hidden"], ["x.tmp"]])
def test_folder_without_files_is_said(content: list[str]) -> None:
    """An empty folder is more likely a mistake than a wish."""
    Path("dumps").mkdir()
    for name in content:
        put(f"dumps/{name}")
    assert opened("dumps/") == [Unreadable(name="dumps", reason="the folder holds no files")]


def test_links_are_followed_to_files_but_walk_no_loop() -> None:
    """In a folder a link to a file counts; links to folders, to themselves and to nothing do not."""
    put("elsewhere/e.txt")
    put("dumps/a.txt")
    Path("dumps/file").symlink_to("../elsewhere/e.txt")
    Path("dumps/folder").symlink_to("../elsewhere")
    Path("dumps/parent").symlink_to("..")
    Path("dumps/self").symlink_to("self")
    Path("dumps/gone").symlink_to("nowhere")
    Path("named").symlink_to("dumps")
    assert opened("dumps") == [dump("dumps/a.txt"), dump("dumps/file")]
    assert opened("named") == [dump("named/a.txt"), dump("named/file")]  # a person named this link
    (loop,) = opened("dumps/self")
    assert isinstance(loop, Unreadable)
    assert "symbolic links" in loop.reason


def test_pipe_in_a_folder_is_not_opened_but_a_named_one_is() -> None:
    """A pipe would hold a walk for ever; one that a person names is read, with the time of now."""
    put("dumps/a.txt")
    os.mkfifo("dumps/pipe")
    assert opened("dumps") == [dump("dumps/a.txt")]
    writer = threading.Thread(target=Path("dumps/pipe").write_bytes, args=(b"piped",))
    writer.start()
    assert opened("dumps/pipe") == [dump("dumps/pipe", b"piped", NOW)]
    writer.join()


def test_folder_that_cannot_be_listed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files beside it are opened all the same."""
    put("dumps/a.txt")
    put("dumps/locked/b.txt")
    put("dumps/z.txt")
    listed = Path.iterdir

    def refusing(folder: Path) -> object:
        if folder.name == "locked":
            raise PermissionError(13, "Permission denied")
        return listed(folder)

    monkeypatch.setattr(Path, "iterdir", refusing)
    assert opened("dumps") == [
        dump("dumps/a.txt"),
        Unreadable(name="dumps/locked", reason="Permission denied"),
        dump("dumps/z.txt"),
    ]


def test_deep_folders_are_walked() -> None:
    """Folders nest deeper than Python functions may; shown with a limit near at hand."""
    name = "/".join(["dumps", *["d"] * 200, "x"])
    put(name, b"deep")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    try:
        found = opened("dumps")
    finally:
        sys.setrecursionlimit(limit)
    assert found == [dump(name, b"deep")]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("nowhere.txt", "No such file or directory"),
        ("nowhere/", "No such file or directory"),
        ("a.txt/b", "Not a directory"),
        ("", "the path is empty"),
        ("a\0b", "null"),
        ("n" * 300, "File name too long"),
    ],
)
def test_missing_path_is_unreadable(path: str, reason: str) -> None:
    """What is not there is a value with a reason, and the rest is opened."""
    put("b.txt")
    put("a.txt")
    first, second = opened(path, "b.txt")
    assert isinstance(first, Unreadable)
    assert first.name == path
    assert reason in first.reason
    assert second == dump("b.txt")


def test_file_that_cannot_be_opened_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may be seen but not read is reported."""
    put("a.txt")

    def refusing(*_: object, **__: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refusing)
    assert opened("a.txt") == [Unreadable(name="a.txt", reason="Permission denied")]


def test_error_without_words_of_the_system_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that has no `strerror` is told by its text."""
    put("a.txt")

    def refusing(*_: object, **__: object) -> object:
        raise OSError("the disk is on fire")

    monkeypatch.setattr(Path, "open", refusing)
    assert opened("a.txt") == [Unreadable(name="a.txt", reason="the disk is on fire")]


def test_name_that_is_no_text_is_made_printable(here: Path) -> None:
    """Bytes that are no UTF-8 in a name stand as question marks; the file is opened."""
    (here / os.fsdecode(b"d")).mkdir()
    path = Path(os.fsdecode(b"d/caf\xe9.txt"))
    path.write_bytes(b"text")
    (found,) = opened("d")
    assert isinstance(found, RawDump)
    assert found.name == "d/caf?.txt"
    assert opened(str(path))[0].name == "d/caf?.txt"


def test_gzip_is_inflated() -> None:
    """A `.gz` gives its content under its own name and time, of several streams too."""
    put("a.txt.gz", gzip.compress(b"one ") + gzip.compress(b"two"))
    put("B.GZ", gzip.compress(b""))
    assert opened("a.txt.gz", "B.GZ") == [dump("a.txt.gz", b"one two"), dump("B.GZ", b"")]


@pytest.mark.parametrize("cut", [1, 5, 10, 20, -1, -8])
def test_cut_gzip_is_unreadable(cut: int) -> None:
    """A gzip file that ends early gives nothing, not a part."""
    put("a.gz", gzip.compress(bytes(range(256)) * 8)[:cut])
    (found,) = opened("a.gz", cap_bytes=10_000)
    assert isinstance(found, Unreadable)
    assert found.reason.startswith("damaged gzip data: ")


@pytest.mark.parametrize("place", [0, 3, 30, -5])
def test_spoilt_gzip_is_unreadable(place: int) -> None:
    """A changed byte in head, data or checksum gives nothing."""
    data = bytearray(gzip.compress(os.urandom(200)))
    data[place] ^= 0xFF
    put("a.gz", bytes(data))
    (found,) = opened("a.gz")
    assert isinstance(found, Unreadable)


def test_text_called_gzip_is_unreadable() -> None:
    """A name that ends in `.gz` is taken at its word."""
    put("a.gz", b"plain text")
    (found,) = opened("a.gz")
    assert isinstance(found, Unreadable)


def test_gzip_over_the_cap_is_measured_inflated() -> None:
    """The hash of an oversize gzip is that of its content, as a dump's is."""
    put("a.gz", gzip.compress(b"x" * 5000))
    assert opened("a.gz") == [
        Oversize(name="a.gz", size_bytes=5000, sha256=hashlib.sha256(b"x" * 5000).hexdigest(), whole=True)
    ]


def test_bomb_is_refused_in_little_memory() -> None:
    """100 MB of zeros in 100 KB of gzip: refused at the cap of 1 MB, with under 3 MB held."""
    put("bomb.gz", gzip.compress(bytes(100_000_000), compresslevel=9))
    assert Path("bomb.gz").stat().st_size < 101_000
    tracemalloc.start()
    try:
        found = opened("bomb.gz", cap_bytes=1_000_000)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    digest = hashlib.sha256(bytes(20_000_000)).hexdigest()
    assert found == [Oversize(name="bomb.gz", size_bytes=20_000_000, sha256=digest, whole=False)]
    assert peak_bytes < 3_000_000


def test_time_beyond_the_calendar_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file time past the year 9999, which some file systems keep, is reported, not raised."""
    path = put("a.txt")
    known = list(path.stat())
    monkeypatch.setattr(Path, "stat", lambda *_, **__: os.stat_result([*known[:7], 2**40, 2**40, 2**40]))
    (found,) = opened("a.txt")
    assert isinstance(found, Unreadable)
    assert "year" in found.reason


def changed_at(path: Path) -> dt.datetime:
    return dt.datetime.fromtimestamp(path.stat().st_ctime, dt.UTC)


def test_settled_files_have_not_changed_for_a_while() -> None:
    """A file counts once its last change lies the quiet time back, whatever its own date says."""
    path = put("dumps/a.txt")  # dated years off by utime
    at = changed_at(path)
    second = dt.timedelta(seconds=1)
    assert settled(Path("dumps"), at) == []
    assert settled(Path("dumps"), at + 4.9 * second) == []
    assert settled(Path("dumps"), at + 5.1 * second) == [path]
    assert settled(Path("dumps"), at + 5.1 * second, quiet_s=6) == []
    assert settled(Path("dumps"), at + 0.1 * second, quiet_s=0) == [path]


def test_settled_walks_as_ingest_does() -> None:
    """By name, folders inside too; hidden and half-written files and links that lead nowhere are left out."""
    for name in ("b.txt", "a/c.txt", "x.part", ".y", "z.tmp"):
        put(f"dumps/{name}")
    Path("dumps/gone").symlink_to("nowhere")
    later = changed_at(Path("dumps/b.txt")) + dt.timedelta(minutes=1)
    assert settled(Path("dumps"), later) == [Path("dumps/a/c.txt"), Path("dumps/b.txt")]


def test_settled_is_empty_where_there_is_no_folder() -> None:
    """A watched folder that is not there, or a file in its place, holds nothing."""
    put("file")
    assert settled(Path("nowhere"), NOW) == []
    assert settled(Path("file"), NOW) == []


def test_file_that_vanishes_has_not_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file taken away between listing and asking is left out."""
    path = put("dumps/a.txt")
    later = changed_at(path) + dt.timedelta(minutes=1)

    def stat_then_gone(file: Path, **_: object) -> bool:
        path.unlink()
        return True

    monkeypatch.setattr(Path, "is_file", stat_then_gone)
    assert settled(Path("dumps"), later) == []

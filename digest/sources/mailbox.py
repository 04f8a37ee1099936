"""Mail in files: Maildir folders, mbox files, single mails, standard input."""

from __future__ import annotations

import mailbox
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from digest.errors import MailboxError, UsageError
from digest.sources.letter import Letter

STDIN = "-"
_SEEN = "S"
_TOO_LARGE = "it is larger than {:,} bytes"


def open_mail(paths: Sequence[str], *, cap_bytes: int, stdin: BinaryIO) -> Iterator[Letter]:
    """Open what a person names, in the order named, one mail in memory at a time.

    A Maildir gives what has not been seen, and what was ours is seen from then on. An mbox file is read under its lock
    and stays as it is. Any other file is one mail, and so is standard input, as an MTA's pipe gives it.

    Args:
        paths: Folders, files, `-`.
        cap_bytes: Of one mail; one that is larger comes without its data.

    Raises:
        UsageError: Something is not there, or a folder is no Maildir.
        MailboxError: It cannot be read, or another program holds its lock.
    """
    makers = [_maker(path, cap_bytes, stdin) for path in paths]  # all are looked at before the first is read
    return (letter for make in makers for letter in make())


def open_maildir(folder: Path, *, cap_bytes: int) -> Iterator[Letter]:
    """What a Maildir holds that was not seen, oldest name first.

    Raises:
        MailboxError: It cannot be read.
    """
    try:
        found = [path for part in ("new", "cur") for path in sorted((folder / part).iterdir())]
    except OSError as error:
        raise MailboxError(f"{folder}: {error.strerror}") from error
    for path in found:
        if path.name.startswith(".") or _SEEN in _flags(path) or not path.is_file():
            continue
        with suppress(FileNotFoundError):  # another program has moved it since
            yield _file(path, cap_bytes, settle=partial(_mark_seen, folder, path))


def _maker(given: str, cap_bytes: int, stdin: BinaryIO) -> Callable[[], Iterator[Letter]]:
    if given == STDIN:
        return partial(_stdin, stdin, cap_bytes)
    path = Path(given)
    if path.is_dir():
        if not all((path / part).is_dir() for part in ("new", "cur")):
            raise UsageError(f"{given}: a folder of mail is a Maildir, with new/ and cur/ in it")
        return partial(open_maildir, path, cap_bytes=cap_bytes)
    if not path.exists():
        raise UsageError(f"{given}: no such file or folder")
    return partial(_of_file, path, cap_bytes)


def _of_file(path: Path, cap_bytes: int) -> Iterator[Letter]:
    try:
        with path.open("rb") as opened:
            is_mbox = opened.read(5) == b"From "
    except OSError as error:
        raise MailboxError(f"{path}: {error.strerror}") from error
    if is_mbox:
        yield from _mbox(path, cap_bytes)
    else:
        yield _file(path, cap_bytes)


def _mbox(path: Path, cap_bytes: int) -> Iterator[Letter]:
    box = mailbox.mbox(path, create=False)
    try:
        box.lock()
    except (mailbox.ExternalClashError, OSError) as error:
        box.close()
        raise MailboxError(f"{path}: another program holds its lock; try again") from error
    try:
        for number, key in enumerate(box.iterkeys(), 1):
            with box.get_file(key) as opened:
                yield _letter(f"{path}: mail {number}", opened.read(cap_bytes + 1), cap_bytes)
    finally:
        box.unlock()
        box.close()


def _stdin(stdin: BinaryIO, cap_bytes: int) -> Iterator[Letter]:
    data = stdin.read(cap_bytes + 1)
    # Read to its end all the same: an MTA whose pipe breaks takes the mail for undelivered, and tries again for days.
    with Path("/dev/null").open("wb") as nowhere:
        shutil.copyfileobj(stdin, nowhere)
    yield _letter("standard input", data, cap_bytes)


def _file(path: Path, cap_bytes: int, *, settle: Callable[[], None] | None = None) -> Letter:
    try:
        with path.open("rb") as opened:
            letter = _letter(str(path), opened.read(cap_bytes + 1), cap_bytes, settle=settle)
    except FileNotFoundError:
        raise
    except OSError as error:
        return Letter(name=str(path), data=None, reason=str(error.strerror))
    return letter


def _letter(name: str, data: bytes, cap_bytes: int, *, settle: Callable[[], None] | None = None) -> Letter:
    too_large = len(data) > cap_bytes
    given = {} if settle is None else {"settle": settle}
    return Letter(
        name=name,
        data=None if too_large else data,
        reason=_TOO_LARGE.format(cap_bytes) if too_large else "",
        **given,
    )


def _flags(path: Path) -> str:
    return path.name.partition(":2,")[2]


def _mark_seen(folder: Path, path: Path) -> None:
    """Move it into cur/ as seen; flags stand in the order of their letters."""
    base = path.name.partition(":")[0]
    with suppress(FileNotFoundError):
        path.rename(folder / "cur" / f"{base}:2,{''.join(sorted({*_flags(path), _SEEN}))}")

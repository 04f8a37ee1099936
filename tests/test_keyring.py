"""The folder of DKIM keys: made once, read by selector, and told of where others may read it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from digest import keyring
from digest.compose.dkim import ED25519, RSA
from digest.errors import SettingsError, UsageError


def test_made_and_read(tmp_path: Path) -> None:
    """A key that was made is read back by its selector; nobody else may read its file, or look into the folder."""
    folder = tmp_path / "data" / "dkim"
    made = {
        name: keyring.make(folder, name, bits=bits) for name, bits in (("a", 2048), ("b", 3072), ("c", None))
    }
    for name, key in made.items():
        found = keyring.read(folder, name)
        assert (found.selector, found.algorithm, found.bits, found.record) == (
            name,
            key.algorithm,
            key.bits,
            key.record,
        )
        assert stat.S_IMODE(keyring.path_of(folder, name).stat().st_mode) == 0o600
    assert [key.algorithm for key in made.values()] == [RSA, RSA, ED25519]
    assert [key.bits for key in made.values()] == [2048, 3072, 256]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_never_replaced(tmp_path: Path) -> None:
    """A file that is there stays as it is, whatever it holds: a mail may wait for it."""
    path = keyring.path_of(tmp_path, "2026a")
    path.write_text("something")
    with pytest.raises(UsageError, match=r"2026a\.pem is there already, and is left as it is"):
        keyring.make(tmp_path, "2026a", bits=None)
    assert path.read_text() == "something"


def test_no_folder_to_write_in(tmp_path: Path) -> None:
    """Where no file can be written, the file is named."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"cannot write .*file/dkim/2026a\.pem: Not a directory"):
        keyring.make(tmp_path / "file" / "dkim", "2026a", bits=None)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot read .*2026a.pem: No such file"),
        (b"words", r"is no PEM private key.* \(.*2026a\.pem\)"),
    ],
)
def test_a_key_that_cannot_be_read(tmp_path: Path, content: bytes | None, says: str) -> None:
    """A missing or broken key is an error of the settings that names its file."""
    if content is not None:
        keyring.path_of(tmp_path, "2026a").write_bytes(content)
    with pytest.raises(SettingsError, match=says):
        keyring.read(tmp_path, "2026a")


def test_the_command_is_named(tmp_path: Path) -> None:
    """Whoever has no key yet is told how to make one."""
    with pytest.raises(SettingsError, match="run `digest dkim keygen 2026a`"):
        keyring.read(tmp_path, "2026a")


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        (0o600, False),
        (0o400, False),
        (0o640, False),
        (0o440, False),
        (0o644, True),
        (0o660, True),
        (0o700, True),
    ],
)
def test_a_file_that_others_may_read(tmp_path: Path, mode: int, told: bool) -> None:
    """A key that more than its user and, to read, its group can reach is told of at each start, with the command."""
    keyring.make(tmp_path, "2026a", bits=None)
    path = keyring.path_of(tmp_path, "2026a")
    path.chmod(mode)
    with capture_logs() as events:
        keyring.read(tmp_path, "2026a")
    expected = f"{path} has mode {mode:04o}: run `chmod 600 {path}`"
    assert [event["reason"] for event in events] == ([expected] if told else [])

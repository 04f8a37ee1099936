"""The folder of a demo: its dumps, its database, and the mails that came out, as files to open."""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from digest.demo.cast import DAYS, PRESS
from digest.errors import UsageError

_MARKER = ".digest-demo"
_MARK = "This folder was made by `digest demo`, which replaces what it put here each time it runs.\n"
#: All that a demo puts into its folder, and all that the next one takes away.
_OURS = ("data", "dumps", "mails", "digest.toml")

_SETTINGS = """\
# The settings of the demo, to look around with. Mail goes into a folder, so nothing leaves this machine.
data_dir = '{data}'
base_url = "{base_url}"
sender = "{sender}"

[relay]
url = 'folder:{outbox}'
"""


class Folder:
    """A folder that only demos write to."""

    def __init__(self, path: Path) -> None:
        """Make the folder, or clear one of an earlier demo.

        Raises:
            UsageError: It holds something else than a demo, or cannot be written.
        """
        self.path = path
        self.data, self.mails, self.settings = path / "data", path / "mails", path / "digest.toml"
        try:
            self._claim()
            self._clear()
            self.dumps = self._unpack()
        except OSError as error:
            raise UsageError(f"--out: cannot use {path}: {error.strerror}") from error

    def _claim(self) -> None:
        marker = self.path / _MARKER
        if self.path.exists() and not marker.is_file() and any(self.path.iterdir()):
            raise UsageError(f"--out: {self.path} holds other files than a demo's; name another folder")
        self.path.mkdir(parents=True, exist_ok=True)
        marker.write_text(_MARK, encoding="utf-8")

    def _clear(self) -> None:
        for name in _OURS:
            old = self.path / name
            if old.is_dir() and not old.is_symlink():
                shutil.rmtree(old)
            else:
                old.unlink(missing_ok=True)

    def _unpack(self) -> tuple[Path, ...]:
        """Write the sample dumps, each with the time at which its page was read."""
        target = self.path / "dumps"
        target.mkdir()
        unpacked = []
        for day in DAYS:
            name = f"{day}.txt"
            path = target / name
            path.write_bytes(files("digest.demo").joinpath("dumps", name).read_bytes())
            seen = datetime.combine(day, PRESS).timestamp()
            os.utime(path, (seen, seen))
            unpacked.append(path)
        return tuple(unpacked)

    def write_settings(self, *, base_url: str, sender: str) -> None:
        """Leave settings with which the other commands look at what the demo did."""
        text = _SETTINGS.format(
            data=self.data.absolute(),
            base_url=base_url,
            sender=sender,
            outbox=(self.data / "outbox").absolute(),
        )
        self.settings.write_text(text, encoding="utf-8")

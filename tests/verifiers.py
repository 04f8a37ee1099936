"""Two verifiers of DKIM that are not ours: dkimpy, and opendkim where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import dkim
import pytest

#: From the name of a record, without a dot at its end, to its text.
Records = Mapping[str, str]


def dkimpy_verifies(data: bytes, records: Records, *, index: int = 0) -> bool:
    """Whether a signature of a message holds; the first is the one on top."""

    def text_at(name: bytes, timeout: int = 5) -> bytes | None:
        found = records.get(name.decode().rstrip("."))
        return found.encode() if found else None

    try:
        return bool(dkim.DKIM(data).verify(index, dnsfunc=text_at))
    except dkim.DKIMException:  # a body that does not fit, a tag that cannot be
        return False


def opendkim_verifies(messages: Sequence[bytes], records: Records) -> list[bool]:
    """Whether the signature of each message holds, the first that it knows of each.

    Its exit code is 0 whatever it finds, so its words are read.
    """
    program = shutil.which("opendkim", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        pytest.skip("needs opendkim")
    with tempfile.TemporaryDirectory(prefix="digest-opendkim-") as name:
        folder = Path(name)
        (folder / "dns").write_text("".join(f"{host} {text}\n" for host, text in records.items()))
        (folder / "conf").write_text(f"Mode v\nTestDNSData {folder / 'dns'}\n")
        paths = [folder / f"{number}.eml" for number in range(len(messages))]
        for path, data in zip(paths, messages, strict=True):
            path.write_bytes(data)
        tested = ",".join(map(str, paths))
        call = [program, "-x", str(folder / "conf"), "-t", tested]
        said = subprocess.run(call, capture_output=True, text=True, timeout=120, check=False)
    # Of a mail that it cannot read, such as one without From, it says nothing at all.
    good = re.findall(
        r"^opendkim: \S+/(\d+)\.eml: verification \(.*\) succeeded$", said.stdout + said.stderr, re.MULTILINE
    )
    return [str(number) in good for number in range(len(messages))]

"""The command as a process: exit codes and streams as a shell sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import write_dump
from tests.factories import daily_papers

Shell = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def shell(site: Path) -> Shell:
    """Runs a line of shell in the site's folder; `$digest` is the command."""
    script = f"{sys.executable} -m digest"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DIGEST_")}
    environment |= {"digest": script, "PYTHONPATH": str(Path(__file__).parents[2])}

    def call(line: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["bash", "-c", f"set -o pipefail; {line}"],
            cwd=site, env=environment, input=stdin, capture_output=True, timeout=120, check=False,
        )  # fmt: skip

    return call


def test_exit_codes_and_streams(shell: Shell, site: Path) -> None:
    """Done in part is 3, with the document on one stream and the complaint on the other; usage is 2."""
    (site / "bad.json").write_text("[")
    done = shell("$digest ingest - bad.json --json", daily_papers(["A Kite"]))
    assert done.returncode == 3
    assert [dump["status"] for dump in json.loads(done.stdout)["dumps"]] == ["stored", "quarantined"]
    assert done.stderr.startswith(b"digest: bad.json: quarantined: line 1: ")
    done = shell("$digest papers list --json")
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(json.loads(done.stdout)["papers"]) == 1
    done = shell("$digest frobnicate")
    assert (done.returncode, done.stdout) == (2, b"")


@pytest.mark.parametrize(
    "arguments", ["papers list", "papers list --json", "subscribers export", "topics list"]
)
def test_a_reader_that_leaves(shell: Shell, site: Path, arguments: str) -> None:
    """`digest … | head -1` is quiet, whatever more there was to say."""
    write_dump(site, *(f"Kite {number} " + "of Many " * 20 for number in range(600)))
    assert shell("$digest ingest dump.json").returncode == 0
    done = shell(f"$digest {arguments} | head -1")
    assert done.stderr == b""
    assert done.stdout.count(b"\n") == 1


def test_text_in_a_terminal_that_knows_ascii_only(shell: Shell, site: Path) -> None:
    """A title that the terminal cannot show does not end the command."""
    write_dump(site, "Kites of Łódź, 漢字 and Müller")
    done = shell(
        "export LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0; $digest ingest dump.json && $digest papers list"
    )
    assert done.returncode == 0, done.stderr
    assert b"Kites of" in done.stdout
    done = shell("export LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0; $digest papers list --json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.decode())["papers"][0]["title"] == "Kites of Łódź, 漢字 and Müller"

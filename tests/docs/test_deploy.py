"""The files of deploy/, as far as they can be checked without installing anything."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.docs.test_example_settings import LEAVES
from tests.docs.test_readme import COMMANDS

ROOT = Path(__file__).parents[2]
SCRIPTS = ("deploy/quickstart.sh", "tests/run.sh")


def constraints() -> list[str]:
    return (ROOT / "deploy/constraints.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_is_plain_sh(script: str) -> None:
    """It parses in the strictest shell at hand."""
    shell = shutil.which("dash") or shutil.which("sh")
    assert shell
    done = subprocess.run([shell, "-n", ROOT / script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_constraints_name_versions_and_no_place() -> None:
    """Each line is NAME==VERSION, perhaps with a marker: no host, no path, no option."""
    assert constraints()
    odd = [
        line for line in constraints() if not re.fullmatch(r"[a-z0-9.-]+==[0-9][0-9a-z.]*( ; [^/@]+)?", line)
    ]
    assert odd == []


def test_the_constraints_hold_every_dependency() -> None:
    """What pyproject.toml asks for, the tests' tools too, is pinned."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    pinned = {line.partition("==")[0] for line in constraints()}
    assert [each for each in asked if re.split(r"[^a-z0-9-]", each)[0] not in pinned] == []


def test_an_old_python_is_told_so(tmp_path: Path) -> None:
    """quickstart.sh names the version it needs when python3 is older."""
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2"\nexit 1\n', encoding="utf-8")
    old.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", ROOT / "deploy/quickstart.sh"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "needs Python 3.11 or later; this is Python 3.9.2" in done.stderr


def test_no_python_is_told_so(tmp_path: Path) -> None:
    """Where no python is found, the message says which one it takes."""
    done = subprocess.run(
        ["/bin/sh", ROOT / "deploy/quickstart.sh"],
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "digest needs Python 3.11 or later" in done.stderr


def test_the_unit_names_a_command_and_settings_that_are() -> None:
    """`digest serve` is a command, and each DIGEST_ variable of the unit is a setting."""
    unit = (ROOT / "deploy/systemd/digest.service").read_text(encoding="utf-8")
    assert ("serve",) in COMMANDS
    assert re.search(r"^ExecStart=\S+/digest --config \S+ serve$", unit, re.MULTILINE)
    named = set(re.findall(r"\b(DIGEST_[A-Z_]+)=", unit))
    assert named <= {"DIGEST_" + "__".join(path).upper() for path in LEAVES}

"""The wheel holds what the program reads at run time, and works without the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Folders of the checkout whose files travel in the wheel, and where to.
CARRIED = {
    "templates": "digest/_data/templates",
    "config": "digest/_data/config",
    "digest/demo/dumps": "digest/demo/dumps",
}


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """What a command prints; the checkout is not where it is run, and settings of the machine are not seen."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("DIGEST_", "PYTHON"))
    }
    done = subprocess.run(
        command,
        cwd=cwd,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT, cwd=folder)
    (built,) = folder.glob("digest-*.whl")
    return built


def test_templates_settings_topics_and_dumps_travel_in_the_wheel(wheel: Path) -> None:
    """Every file of the folders that are read at run time is in it, and no test is."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for folder, target in CARRIED.items():
        files = [
            path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        ]
        assert files
        assert {f"{target}/{path.relative_to(ROOT / folder).as_posix()}" for path in files} <= names
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"digest"}


def test_the_wheel_runs_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """Unpacked elsewhere, it lists its topics and runs its demo from its own files."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    places = run(
        sys.executable, "-c", "import digest.settings as s; print(s.packaged('templates'), s.packaged('config'))",
        cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"),
    )  # fmt: skip
    assert places.split() == [
        str(tmp_path / "site/digest/_data" / folder) for folder in ("templates", "config")
    ]
    program = (sys.executable, "-m", "digest")
    topics = run(*program, "topics", "list", "--json", cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert json.loads(topics)["topics"]
    told = run(*program, "demo", cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert "9 digests were due, 9 sent" in told


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_what_the_wheel_asks_for_is_all_it_needs(wheel: Path, tmp_path: Path) -> None:
    """In an environment of its own, with nothing but what it depends on, it runs its demo."""
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / "bin"
    constraints = ROOT / "deploy" / "constraints.txt"
    run(programs / "python", "-m", "pip", "install", "-q", "-c", constraints, wheel, cwd=tmp_path)
    assert "9 digests were due, 9 sent" in run(programs / "digest", "demo", cwd=tmp_path)

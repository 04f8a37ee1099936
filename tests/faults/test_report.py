"""The page of the fault runs: every row of every process, in order, and only of a run that had them all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import report

_ROOT = Path(__file__).parents[2]


def test_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promises stand by number and rows by their cells, whoever added them and when; empty tables are left out."""
    monkeypatch.setenv("FAULTS_REPORT_ROWS", str(tmp_path))
    late = report.section("R10", "Poison", ("engine", "lost"))
    early = report.section("R2", "Points", ("seed", "of"), about="Killed at each.")
    report.section("R3", "Nothing", ("row",))
    late.add("sqlite", 0)
    early.add(10, "a|b")
    early.add(9, "c")
    with pytest.raises(AssertionError, match="R2 wants"):
        early.add(1)
    monkeypatch.setattr(os, "getpid", lambda: 1)
    late.add("postgresql", 1)
    assert report.tables(tmp_path) == (
        "## R2: Points\n\nKilled at each.\n\n| seed | of |\n| --- | --- |\n| 9 | c |\n| 10 | a/b |\n"
        "\n## R10: Poison\n\n| engine | lost |\n| --- | --- |\n| postgresql | 1 |\n| sqlite | 0 |\n"
    )


def test_the_page_names_what_did_not_pass() -> None:
    """Whoever reads the page sees which tests its numbers lack."""
    page = report.page("## R1\n", {"passed": ["a", "b"], "failed": ["c"], "skipped": ["d"]}, lasted_s=1_230.0)
    assert "in\n20 minutes. Of its tests 2 passed, 1 failed, 1 skipped." in page
    assert page.endswith("- failed: `c`\n- skipped: `d`\n\n## R1\n")


@pytest.mark.parametrize(
    ("mark", "taken"),
    [("", False), ("not faults", False), ("faults", True), ("faults or not faults", True), ("other", False)],
)
def test_which_runs_count(mark: str, taken: bool) -> None:
    """Runs that select the faults keep rows, others none."""
    assert report.is_of_faults(mark) == taken


@pytest.mark.parametrize(
    ("asked", "names", "whole"),
    [
        (["tests"], "", True),
        (["tests/faults"], "", True),
        (["tests/faults/test_kill.py"], "", False),
        (["tests"], "kill", False),
        ([], "", False),
    ],
)
def test_which_runs_are_whole(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch, asked: list[str], names: str, whole: bool
) -> None:
    """Only a run of all the tests, or all the faults, may write the page."""
    monkeypatch.setattr(pytestconfig, "args", [str(_ROOT / one) for one in asked])
    monkeypatch.setattr(pytestconfig.option, "keyword", names)
    assert report.is_whole(pytestconfig) == whole


_TEST = """
import pytest
from tests.faults.report import section
TABLE = section("R99", "Tried out", ("number", "lost"))
@pytest.mark.parametrize("number", range(6))
def test_one(number):
    TABLE.add(number, 0)
"""


def test_rows_of_several_processes(tmp_path: Path) -> None:
    """A run of a part, by two processes, shows every row in one table and leaves the page as it was."""
    before = report.PAGE.read_bytes()
    (tmp_path / "test_tried.py").write_text(_TEST)
    (tmp_path / "conftest.py").write_text(
        "from tests.conftest import pytest_configure, pytest_terminal_summary\n"
    )
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("FAULTS_", "PYTEST_"))}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "-m", "not faults or faults",
         "--rootdir", str(tmp_path), "-c", os.devnull, str(tmp_path)],
        env=mine | {"PYTHONPATH": str(_ROOT)}, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    rows = "".join(f"| {number} | 0 |\n" for number in range(6))
    assert f"## R99: Tried out\n\n| number | lost |\n| --- | --- |\n{rows}" in run.stdout
    assert report.PAGE.read_bytes() == before

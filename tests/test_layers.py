"""What import-linter cannot see: the pure packages touch no file, no clock, no socket, no chance."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import digest

PURE = ("ingest", "rank", "compose", "deliver", "subscribers")
ROOT = Path(digest.__file__).parent
#: Modules that a pure one may be given values of, but whose doors to the outside it may not open itself.
FORBIDDEN_MODULES = frozenset(
    {
        "asyncio",
        "http",
        "logging",
        "os",
        "random",
        "select",
        "shutil",
        "smtplib",
        "socket",
        "ssl",
        "subprocess",
    }
    | {"sys", "tempfile", "time", "urllib.request"}
)
FORBIDDEN_CALLS = frozenset({"breakpoint", "exec", "eval", "input", "open", "print"})
#: Methods by which a path, a clock or a file is asked.
FORBIDDEN_METHODS = frozenset(
    {
        "exists",
        "glob",
        "home",
        "is_dir",
        "is_file",
        "iterdir",
        "mkdir",
        "now",
        "open",
        "read_bytes",
        "read_text",
    }
    | {"resolve", "rglob", "stat", "today", "touch", "unlink", "utcnow", "write_bytes", "write_text", "cwd"}
)
ALLOWED = {
    # Template files are read once, from the folder that the caller names.
    ("compose/templates.py", "read_text"),
    ("compose/templates.py", "rglob"),
    ("compose/templates.py", "is_file"),
    # cssutils, under premailer, logs every modern property; this hushes it.
    ("compose/inline.py", "logging"),
    # premailer would import requests, which binds a socket; its place in sys.modules is taken meanwhile.
    ("compose/inline.py", "sys"),
}


def modules() -> list[Path]:
    return sorted(path for package in PURE for path in (ROOT / package).rglob("*.py"))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def called(tree: ast.AST) -> Iterator[tuple[str, str | None]]:
    """Every call as (name, None), or (method, what it is called on)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id, None
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr, ast.unparse(node.func.value)


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_pure_module_asks_nothing_of_the_outside(path: Path) -> None:
    """It imports no module that reaches the machine, and calls nothing that opens a file or reads a clock."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    name = path.relative_to(ROOT).as_posix()
    reached = {
        module
        for module in imported(tree)
        if FORBIDDEN_MODULES & {module, module.partition(".")[0]} and (name, module) not in ALLOWED
    }
    assert not reached
    calls = {
        call if on is None else f"{on}.{call}"
        for call, on in called(tree)
        if call in (FORBIDDEN_CALLS if on is None else FORBIDDEN_METHODS) and (name, call) not in ALLOWED
    }
    assert not calls


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("open('x')", ("open", None)),
        ("dt.datetime.now()", ("now", "dt.datetime")),
        ("Path('x').read_text()", ("read_text", "Path('x')")),
    ],
)
def test_the_search_sees_the_calls_it_is_for(source: str, found: tuple[str, str | None]) -> None:
    """A call is found by its name, and by what it is called on."""
    assert found in set(called(ast.parse(source)))

"""config/digest.example.toml against the settings themselves."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from digest.settings import Settings, load, packaged

EXAMPLE = packaged("config") / "digest.example.toml"
#: A setting is commented out without a space, prose with one.
_SETTING = re.compile(r"^#(?=[a-z_]+ = )", re.MULTILINE)


def uncommented() -> str:
    return _SETTING.sub("", EXAMPLE.read_text(encoding="utf-8"))


def leaves(model: type[BaseModel], *above: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every setting as (path, default)."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from leaves(field.annotation, *above, name)
        else:
            yield (*above, name), field.default


LEAVES = dict(leaves(Settings))


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LEAVES:
        monkeypatch.delenv("DIGEST_" + "__".join(name).upper(), raising=False)


def at(tree: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        tree = tree[name] if isinstance(tree, dict) else getattr(tree, name)
    return tree


def test_the_file_as_it_comes_changes_nothing() -> None:
    """Copied unchanged, the example gives the defaults."""
    assert [value for value in tomllib.loads(EXAMPLE.read_text(encoding="utf-8")).values() if value] == []
    loaded = load(EXAMPLE)
    assert {path: at(loaded, path) for path in LEAVES} == LEAVES


def test_every_setting_stands_in_it_and_nothing_else() -> None:
    """The keys of the example, uncommented, are those of the program, section by section."""
    tree = tomllib.loads(uncommented())
    found = {
        (section, name) if isinstance(values, dict) else (section,)
        for section, values in tree.items()
        for name in (values if isinstance(values, dict) else [section])
    }
    assert found == LEAVES.keys()


@pytest.mark.parametrize("path", LEAVES, ids=".".join)
def test_a_value_shown_is_the_default(path: tuple[str, ...], tmp_path: Path) -> None:
    """Uncommented, each setting reads as its default; one that is not set by default shows a value that is allowed."""
    config = tmp_path / "digest.toml"
    config.write_text(uncommented(), encoding="utf-8")
    value = at(load(config), path)
    if LEAVES[path] is None:
        assert value is not None
    else:
        assert value == LEAVES[path]


@pytest.mark.parametrize("path", LEAVES, ids=".".join)
def test_each_is_explained_right_above(path: tuple[str, ...]) -> None:
    """A setting that may stay unset says what then happens; every one has prose above it."""
    lines = uncommented().splitlines()
    start = lines.index(f"[{path[0]}]") if len(path) > 1 else 0
    place = next(i for i, line in enumerate(lines) if i >= start and line.startswith(f"{path[-1]} = "))
    prose = []
    while lines[place - 1].startswith("# "):
        place -= 1
        prose.append(lines[place])
    assert prose
    assert ("Not set:" in " ".join(prose)) == (LEAVES[path] is None)

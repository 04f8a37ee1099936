"""config/digest.example.toml against the settings themselves."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from digest.settings import OtherRelaySettings, Settings, SourceSettings, load, packaged

EXAMPLE = packaged("config") / "digest.example.toml"
#: A setting is commented out without a space, prose with one; so are the tables of sources.
_SETTING = re.compile(r"^#(?=[a-z0-9_]+ = |\[)", re.MULTILINE)


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
#: What a table of each section of tables may hold, and the table of the example that shows it.
TABLES: dict[str, type[BaseModel]] = {"sources": SourceSettings, "relays": OtherRelaySettings}
KEYS = [(section, key) for section, table in TABLES.items() for key in table.model_fields]
SHOWN = {"sources": "[sources.daily-papers]", "relays": "[relays.second]"}


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
    shown = {section: tree.pop(section).values() for section in TABLES}
    assert {(name, key) for name in TABLES for table in shown[name] for key in table} == set(KEYS)
    found = {(section,) for section in TABLES} | {
        (section, name) if isinstance(values, dict) else (section,)
        for section, values in tree.items()
        for name in (values if isinstance(values, dict) else [section])
    }
    assert found == LEAVES.keys()


SINGLE = {path: default for path, default in LEAVES.items() if path[0] not in TABLES}


@pytest.mark.parametrize("path", SINGLE, ids=".".join)
def test_a_value_shown_is_the_default(path: tuple[str, ...], tmp_path: Path) -> None:
    """Uncommented, each setting reads as its default; one that is not set by default shows a value that is allowed."""
    config = tmp_path / "digest.toml"
    config.write_text(uncommented(), encoding="utf-8")
    value = at(load(config), path)
    if LEAVES[path] is None:
        assert value is not None
    else:
        assert value == LEAVES[path]


@pytest.mark.parametrize("path", SINGLE, ids=".".join)
def test_each_is_explained_right_above(path: tuple[str, ...]) -> None:
    """A setting that may stay unset says what then happens; every one has prose above it."""
    prose = above(path[-1], behind=f"[{path[0]}]" if len(path) > 1 else "")
    assert prose
    assert ("Not set:" in prose) == (LEAVES[path] is None)


def test_what_a_source_is_where_nothing_is_said(tmp_path: Path) -> None:
    """Of the tables of sources, too, the values shown are those that stand where no more is said than has to be."""
    config, bare = tmp_path / "digest.toml", tmp_path / "bare.toml"
    config.write_text(uncommented(), encoding="utf-8")
    bare.write_text(
        '[sources.daily-papers]\nkind = "daily-papers"\nexpected = 15\n'
        '[sources.arxiv]\nkind = "arxiv"\ncategories = ["cs.LG"]\n'
    )
    shown, usual = (
        {name: table.source(name) for name, table in load(path).sources.items()} for path in (config, bare)
    )
    assert shown == usual


def test_what_a_relay_is_where_nothing_is_said(tmp_path: Path) -> None:
    """So of the tables of relays: but for what is one relay's alone, the values shown are those of `[relay]`."""
    config = tmp_path / "digest.toml"
    config.write_text(uncommented(), encoding="utf-8")
    loaded = load(config)
    own = {"url", "password_file", "weight", "rate"}
    assert loaded.relay_tables["relays.second"].model_dump(exclude=own) == loaded.relay.model_dump(
        exclude=own
    )


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_each_key_of_a_table_is_explained(section: str, key: str) -> None:
    """Those of sources and relays as well."""
    prose = above(key, behind=SHOWN[section])
    assert prose
    assert ("Not set:" in prose) == (TABLES[section].model_fields[key].default is None)


def above(key: str, *, behind: str) -> str:
    """The prose right above a key, the first of its name behind a line."""
    lines = uncommented().splitlines()
    start = lines.index(behind) if behind else 0
    place = next(i for i, line in enumerate(lines) if i >= start and line.startswith(f"{key} = "))
    prose: list[str] = []
    while lines[place - 1].startswith("# "):
        place -= 1
        prose.insert(0, lines[place])
    return " ".join(prose)

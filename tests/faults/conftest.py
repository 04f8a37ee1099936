"""Keep full-size runs out of an ordinary run, and let pytest say so; start processes that die where they are told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.launcher import Launcher
from tests.pipeline.test_restored import machine, make_copy
from tests.pipeline.test_year import walk
from tests.relay.conftest import tls

__all__ = ["machine", "make_copy", "tls", "walk"]  # fixtures of other tests


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what is marked `faults` unless `-m` was given: its count stands in the last line of the run."""
    if config.option.markexpr:
        return
    full_size = [item for item in items if item.get_closest_marker("faults")]
    if full_size:
        config.hook.pytest_deselected(items=full_size)
        items[:] = [item for item in items if item not in full_size]


@pytest.fixture(scope="session")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """A process that forks `digest` again and again: it takes a second to start, its forks a tenth."""
    with Launcher(tmp_path_factory.mktemp("launcher")) as running:
        yield running

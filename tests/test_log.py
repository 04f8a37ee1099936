"""Logging: events with fields, on standard error."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog

from digest import log


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """What a test configures ends with it."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_lines_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    """With JSON each event is one object a line, with its step, level and time in UTC; nothing on standard output."""
    log.configure(level="info", json=True)
    logger = log.logger("deliver")
    logger.info("delivered", sent=3)
    logger.debug("not shown")
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    event = json.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event == {"event": "delivered", "step": "deliver", "level": "info", "sent": 3}


def test_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """As text an event is a line without colours."""
    log.configure()
    log.logger("plan").warning("digests planned", planned=2)
    (line,) = capsys.readouterr().err.splitlines()
    assert "digests planned" in line
    assert "planned=2" in line
    assert "step=plan" in line
    assert "\x1b" not in line


@pytest.mark.parametrize(("level", "shown"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_levels(capsys: pytest.CaptureFixture[str], level: str, shown: int) -> None:
    """Events below the level are not shown."""
    log.configure(level=level, json=True)
    for name in ("debug", "info", "warning", "error"):
        getattr(log.logger("test"), name)("happened")
    assert len(capsys.readouterr().err.splitlines()) == shown


def test_a_logger_made_before(capsys: pytest.CaptureFixture[str]) -> None:
    """Modules make their loggers when they are loaded; what is configured later holds for them too."""
    logger = log.logger("early")
    log.configure(level="error", json=True)
    logger.info("not shown")
    try:
        raise ValueError("broken")
    except ValueError:
        logger.exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError: broken" in json.loads(line)["exception"]


def test_an_outline_without_words() -> None:
    """An error's outline names the kinds and the lines of it and of its causes, and repeats nothing that they say."""
    try:
        try:
            raise KeyError("ada@example.org")
        except KeyError as error:
            raise ValueError("s3cret") from error
    except ValueError as error:
        told = log.outline(error)
    assert told.index("KeyError\n") < told.index("ValueError")
    assert told.endswith("ValueError")
    assert told.count("in test_an_outline_without_words") == 2
    assert "ada@" not in told.replace('raise KeyError("ada@example.org")', "")
    assert "s3cret" not in told.replace('raise ValueError("s3cret")', "")


def test_an_outline_of_what_came_on_top() -> None:
    """An error while another was handled names both, unless the first was put aside on purpose."""
    for aside, both in ((False, True), (True, False)):
        try:
            try:
                raise KeyError
            except KeyError:
                if aside:
                    raise ValueError from None
                raise ValueError  # noqa: B904 - this is the case under test
        except ValueError as error:
            assert ("KeyError" in log.outline(error).replace("except KeyError", "").split()) is both

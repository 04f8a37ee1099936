"""Logging: static past-tense events with fields, on standard error; never an address, never a token."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any

import structlog


def configure(*, level: str = "info", json: bool = False) -> None:
    """Send events at or above `level` to standard error, as text for people or one JSON object a line."""
    renderer: Any = (
        structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def logger(name: str) -> Any:
    """The logger of one edge or step; `name` becomes the field `step`."""
    return structlog.get_logger(step=name)


def outline(error: BaseException) -> str:
    """Where an error arose, and of which kinds it is, without what it says: an address or a token may stand in that.

    Returns:
        Files, lines and functions, then the name of the error's class; what caused it stands before it.
    """
    parts: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        parts.append("".join(traceback.format_tb(cause.__traceback__)) + type(cause).__qualname__)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\n".join(reversed(parts))

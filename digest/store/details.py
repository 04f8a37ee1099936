"""Details of a paper as JSON: only what is given, so that most rows hold an empty object."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from digest.ingest.record import NO_DETAILS, Announced, Details
from digest.store.types import unpaired

#: How a value reads back that JSON holds in another form.
_READ: Mapping[str, Callable[[Any], Any]] = {
    "keywords": tuple,
    "categories": tuple,
    "submitted_at": dt.datetime.fromisoformat,
    "updated_at": dt.datetime.fromisoformat,
    "announced": Announced,
}
_NAMES = tuple(field.name for field in fields(Details))


def details_json(details: Details) -> dict[str, object]:
    """The details that are given, as JSON holds them."""
    if details is NO_DETAILS:
        return {}
    given = {name: getattr(details, name) for name in _NAMES}
    return {name: _packed(value) for name, value in given.items() if value != getattr(NO_DETAILS, name)}


def details_of(stored: Mapping[str, Any]) -> Details:
    """The details that were stored so."""
    if not stored:
        return NO_DETAILS
    values: dict[str, Any] = {n: _READ[n](value) if n in _READ else value for n, value in stored.items()}
    return Details(**values)


def _packed(value: object) -> object:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [unpaired(word) for word in value]
    return unpaired(value) if isinstance(value, str) else value

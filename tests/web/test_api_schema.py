"""The API against its own OpenAPI document: schemathesis sends what the document allows, and what it forbids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

from digest.settings import WebSettings
from digest.store.database import Database
from digest.web.api_page import DOCUMENT_PATH
from digest.web.application import create
from tests.factories import DAY, TODAY, make_app, publish_edition

_ENDLESS = 10**6
_UNLIMITED = {"api_per_minute": _ENDLESS, "signups_per_hour": _ENDLESS, "signup_alarm": _ENDLESS}
_HOST = {"Host": "digest.example.org"}
#: Formats that the document names, with values of this installation: what is valid beyond its form.
_FORMATS = {
    "email": st.from_regex(r"[a-z][a-z0-9]{0,20}@[a-z]{1,9}\.example\.org", fullmatch=True),
    "topic-id": st.sampled_from(["kites", "baking"]),
    "iana-zone": st.sampled_from(["UTC", "Europe/Berlin"]),
}

_OPERATIONS = {
    "POST /api/v1/subscriptions",
    "GET /api/v1/topics",
    "GET /api/v1/editions",
    "GET /api/v1/editions/{date}",
    "GET /api/v1/papers",
    "GET /api/v1/papers/{id}",
}
_CHECKS = {
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
    "unsupported_method",
    "allow_header_conformance",
}


@dataclass
class Ran:
    """What a run of schemathesis saw."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)  #: operation and status
    checks: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def statuses(self) -> set[int]:
        return {status for _operation, status in self.answers}

    def take(self, scenario: ScenarioRecorder) -> None:
        for case_id, interaction in scenario.interactions.items():
            assert interaction.response is not None, "an answer to every call"
            operation = scenario.cases[case_id].value.operation.label
            self.answers[operation, interaction.response.status_code] += 1
        for check in (check for checks in scenario.checks.values() for check in checks):
            self.checks[check.name] += 1
            if check.failure_info is not None:
                failure = check.failure_info.failure
                self.failures.append(f"{failure.title}: {failure.message}\n{check.failure_info.code_sample}")


@pytest.fixture(scope="module", autouse=True)
def formats() -> None:
    """The formats of the document, made known to schemathesis."""
    for name, values in _FORMATS.items():
        schemathesis.openapi.format(name, values)


def run(
    database: Database, folder: Path, *, limits: Mapping[str, int], examples: int, phases: Sequence[str]
) -> Ran:
    """Let schemathesis call the whole application, guards and all; what it sends is the same each time."""
    publish_edition(database, "A Kite for All", "On Bread")
    publish_edition(database, "Kites at Night", day=TODAY + DAY)
    web = create(make_app(database, folder, web=WebSettings.model_validate(limits)))
    settings = {
        "seed": 1,
        "headers": _HOST,
        "generation": {"max-examples": examples, "deterministic": True},
        "phases": {"enabled": False, **{name: {"enabled": True} for name in phases}},
    }
    config = SchemathesisConfig.from_dict(settings)
    schema = schemathesis.openapi.from_asgi(DOCUMENT_PATH, web, config=config, headers=_HOST)
    ran = Ran()
    for event in from_schema(schema).execute():
        assert not isinstance(event, events.FatalError | events.NonFatalError), event
        if isinstance(event, events.ScenarioFinished):
            ran.take(event.recorder)
    return ran


def test_every_answer_is_documented(sqlite_database: Database, tmp_path: Path) -> None:
    """Whatever is sent, every answer is one that the document names, of the form that it names, and no 5xx."""
    phases = ("examples", "coverage", "fuzzing", "stateful")
    ran = run(sqlite_database, tmp_path, limits=_UNLIMITED, examples=30, phases=phases)
    assert not ran.failures, "\n".join(ran.failures)
    assert ran.checks >= Counter(dict.fromkeys(_CHECKS, 500))
    assert {operation for operation, status in ran.answers if status in (200, 202)} == _OPERATIONS
    assert {404, 405, 415, 422} <= ran.statuses
    assert max(ran.statuses) < 500


def test_answers_over_postgresql(postgresql_database: Database, tmp_path: Path) -> None:
    """What one engine takes and another refuses, such as NUL or an id of 63 bits, makes no other answers."""
    phases = ("fuzzing",)
    ran = run(postgresql_database, tmp_path, limits=_UNLIMITED, examples=30, phases=phases)
    assert not ran.failures, "\n".join(ran.failures)
    assert {operation for operation, status in ran.answers if status in (200, 202)} == _OPERATIONS
    assert max(ran.statuses) < 500


def test_limits_are_documented(sqlite_database: Database, tmp_path: Path) -> None:
    """Beyond the limits every operation answers 429, which the document names too."""
    limits = {"api_per_minute": 2, "signups_per_hour": 2}
    ran = run(sqlite_database, tmp_path, limits=limits, examples=10, phases=("examples", "fuzzing"))
    assert not ran.failures, "\n".join(ran.failures)
    assert {operation for operation, status in ran.answers if status == 429} == _OPERATIONS
    assert sum(ran.answers[operation, 200] for operation in _OPERATIONS) == 2
    assert ran.answers["POST /api/v1/subscriptions", 202] <= 2

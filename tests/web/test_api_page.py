"""The API's document, and the page made from it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from digest.store.database import Database
from digest.subscribers.consent import CONSENT
from digest.web.api_page import DOCUMENT_PATH
from digest.web.application import create
from tests.factories import Clock, make_app, publish_edition
from tests.web.readers import make_desk

OPERATIONS = {
    ("post", "/api/v1/subscriptions"),
    ("get", "/api/v1/topics"),
    ("get", "/api/v1/editions"),
    ("get", "/api/v1/editions/{date}"),
    ("get", "/api/v1/papers"),
    ("get", "/api/v1/papers/{id}"),
}


@pytest.fixture
def document(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get(DOCUMENT_PATH).json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def references(node: Any) -> Iterator[str]:
    """Every $ref below a node."""
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def examples(page: str) -> list[str]:
    return [unescape(text) for text in re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", page, re.DOTALL)]


def test_the_document_names_the_api_alone(document: dict[str, Any]) -> None:
    """It holds each operation under a name of its own, and no page; what it refers to is there."""
    assert {(method, path) for method, path, _operation in operations(document)} == OPERATIONS
    names = [operation["operationId"] for _method, _path, operation in operations(document)]
    assert len(set(names)) == len(OPERATIONS)
    kept = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= kept
    assert document["servers"] == [{"url": "https://digest.example.org"}]


def test_every_error_is_a_problem(document: dict[str, Any]) -> None:
    """Each operation names its errors, all of one form; where one has to wait, the header that says how long."""
    for method, path, operation in operations(document):
        found = operation["responses"]
        assert {"400", "429", "503"} <= found.keys()
        if method == "post":
            assert {"403", "413", "415", "422"} <= found.keys()
        if "{" in path:
            assert {"404", "422"} <= found.keys()
        for status in found.keys() - {"200", "202"}:
            assert list(found[status]["content"]) == ["application/problem+json"]
            assert ("Retry-After" in found[status].get("headers", {})) == (status in ("429", "503"))


def test_what_is_sent_is_closed_and_bounded(document: dict[str, Any]) -> None:
    """The document says what is refused: other keys, and text, lists and numbers beyond their bounds."""
    taken = document["components"]["schemas"]["Subscription"]
    assert taken["additionalProperties"] is False
    assert taken["required"] == ["address"]
    bounded = {"string": "maxLength", "array": "maxItems", "integer": "maximum"}
    for name, schema in taken["properties"].items():
        (kind,) = (each for each in schema.get("anyOf", [schema]) if each["type"] != "null")
        assert "enum" in kind or bounded[kind["type"]] in kind, name
    for _method, path, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            schema = parameter["schema"]
            assert schema.get("format") == "date" or bounded[schema["type"]] in schema, (
                path,
                parameter["name"],
            )


def test_the_caller_is_told_what_they_stand_for(document: dict[str, Any], client: TestClient) -> None:
    """Who sends an address stands for its owner's consent: the very sentence is there to be shown."""
    assert CONSENT in document["paths"]["/api/v1/subscriptions"]["post"]["description"]
    assert CONSENT in unescape(client.get("/api").text)


def test_the_page_shows_every_operation(document: dict[str, Any], client: TestClient) -> None:
    """Each operation is there with what it takes and answers, and nothing comes from another site."""
    answer = client.get("/api")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    page = unescape(answer.text)
    for method, path, operation in operations(document):
        assert re.search(rf"{method.upper()}\W.{{0,9}}{re.escape(path)}", page, re.DOTALL), path
        assert operation["summary"] in page
        for status, told in operation["responses"].items():
            assert status in page
            assert told["description"] in page
        for parameter in operation.get("parameters", ()):
            assert f"<code>{parameter['name']}</code>" in page
    for name in document["components"]["schemas"]["Subscription"]["properties"]:
        assert f"<code>{name}</code>" in page
    assert DOCUMENT_PATH in page
    assert not re.search(r'(?:src|href|action)="(?:https?:)?//', answer.text)


def test_the_examples_work(
    sqlite_database: Database, tmp_path: Path, clock: Clock, browse: Callable[[Any], TestClient]
) -> None:
    """Every call that the page shows is taken as it stands, by a shell and by the service."""
    desk = make_desk(sqlite_database, tmp_path, clock, browse)
    publish_edition(sqlite_database, "A Kite for a Language Model", "On Bread")
    found = examples(desk.client.get("/api").text)
    assert len(found) == len(OPERATIONS)
    for example in found:
        # Unlike a shell, shlex keeps the line break that a backslash takes away.
        curl, url, *options = shlex.split(example.replace("\\\n", ""))
        assert (curl, url.startswith("https://digest.example.org/api/v1/")) == ("curl", True)
        if not options:
            assert desk.client.get(url).status_code == 200, example
            continue
        header, content_type, data, body = options
        assert (header, data) == ("-H", "-d")
        answer = desk.client.post(url, content=body, headers=dict([content_type.split(": ")]))
        assert answer.status_code == 202, example
        subscriber = desk.find(json.loads(body)["address"])
        assert subscriber is not None
        assert subscriber.profile.topics == ("kites", "baking")


def test_no_other_documentation(client: TestClient) -> None:
    """The framework's own pages, which load scripts from elsewhere, are off."""
    for path in ("/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect"):
        assert client.get(path).status_code == 404


def test_before_base_url_is_set(sqlite_database: Database, tmp_path: Path) -> None:
    """While the service is only tried out, the examples call this machine."""
    web = create(make_app(sqlite_database, tmp_path, base_url=""))
    with TestClient(web, base_url="http://127.0.0.1:8000") as local:
        assert local.get(DOCUMENT_PATH).json()["servers"] == [{"url": "http://127.0.0.1:8000"}]
        called = [shlex.split(example)[1] for example in examples(local.get("/api").text)]
        assert all(url.startswith("http://127.0.0.1:8000/api/v1/") for url in called)

"""The API's OpenAPI document, and the page made from it. No script of others: the page is a template like all."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.responses import HTMLResponse, Response

from digest.web import api
from digest.web.api_models import ID_MAX, ProblemDocument
from digest.web.site import Site
from digest.web.views import ApiView, OperationView

DOCUMENT_PATH = f"{api.PREFIX}/openapi.json"

_ABOUT = (
    "Sign-ups, topics, editions and papers as JSON. No key is needed; calls are counted by address. "
    "Keys may be added to answers; those that stand there keep their meaning."
)
_REFS = "#/components/schemas/{model}"


def router(site: Site) -> APIRouter:
    """The document and the page; both are made once, as nothing in them changes while the service runs."""
    routes = APIRouter(include_in_schema=False)
    made = document(site)
    content = json.dumps(made, ensure_ascii=False).encode()
    view = ApiView(operations=tuple(_operations(made)), document=DOCUMENT_PATH)

    @routes.get(DOCUMENT_PATH)
    def openapi() -> Response:
        return Response(content, media_type="application/json")

    @routes.get("/api")
    def page() -> HTMLResponse:
        return site.pages.answer("api", view)

    return routes


def document(site: Site) -> dict[str, Any]:
    """The OpenAPI document of the API alone: the pages are not for programs."""
    settings = site.app.settings
    made = get_openapi(
        title=f"{settings.mail.name} API",
        version="1",
        description=_ABOUT,
        routes=api.router(site).routes,
        servers=[{"url": settings.base_url or f"http://{settings.web.host}:{settings.web.port}"}],
    )
    _, schemas = models_json_schema([(ProblemDocument, "serialization")], ref_template=_REFS)
    made["components"]["schemas"].update(schemas["$defs"])
    body = made["paths"][f"{api.PREFIX}/subscriptions"]["post"]["requestBody"]
    body["content"]["application/json"]["example"] = _subscription(site)
    return made


def _subscription(site: Site) -> dict[str, Any]:
    """A request that this installation takes: an operator's own topics have other names than ours."""
    return {
        "address": "ada@example.org",
        "topics": [topic.id for topic in site.app.taxonomy.topics[:2]],
        "include": ["author:Ada Example"],
        "frequency": "daily",
        "hour": 7,
        "zone": "Europe/Berlin",
    }


# -- the page ------------------------------------------------------------------------------------------


def _operations(made: Mapping[str, Any]) -> Iterator[OperationView]:
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            yield OperationView(
                method=method.upper(),
                path=path,
                summary=operation["summary"],
                description=operation.get("description", ""),
                parameters=tuple(_parameters(operation, made)),
                answers=tuple(
                    (status, each["description"]) for status, each in operation["responses"].items()
                ),
                example=_curl(made["servers"][0]["url"], path, operation),
            )


def _parameters(operation: Mapping[str, Any], made: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for each in operation.get("parameters", ()):
        told = each.get("description") or each["schema"].get("description", "")
        yield each["name"], _type(each["schema"], required=each.get("required", False)), told
    if "requestBody" in operation:
        reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        body = made["components"]["schemas"][reference.rpartition("/")[2]]
        for name, schema in body["properties"].items():
            required = name in body.get("required", ())
            yield name, _type(schema, required=required), schema.get("description", "")


def _type(schema: Mapping[str, Any], *, required: bool) -> str:
    """A schema in words, such as `whole number, 0 to 23`."""
    bounded = next((each for each in schema.get("anyOf", ()) if each["type"] != "null"), schema)
    told = _KINDS[bounded["type"]](bounded)
    return f"{told}, required" if required else told


def _text(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        *first, last = schema["enum"]
        return f"{', '.join(first)} or {last}"
    return "date" if schema.get("format") == "date" else f"text, at most {schema['maxLength']} characters"


def _number(schema: Mapping[str, Any]) -> str:
    low, high = int(schema["minimum"]), int(schema["maximum"])
    return f"whole number, {low} to {high}" if high < ID_MAX else f"whole number from {low}"


def _list(schema: Mapping[str, Any]) -> str:
    return f"list, at most {schema['maxItems']}"


_KINDS = {"string": _text, "integer": _number, "array": _list}


def _curl(server: str, path: str, operation: Mapping[str, Any]) -> str:
    """A call as a shell takes it, with the examples of the document."""
    query: dict[str, Any] = {}
    for each in operation.get("parameters", ()):
        examples = each["schema"].get("examples", ())
        if each["in"] == "path":
            path = path.replace(f"{{{each['name']}}}", str(examples[0]))
        elif examples:
            query[each["name"]] = examples[0]
    url = f"{server}{path}?{urlencode(query)}" if query else f"{server}{path}"
    if "requestBody" not in operation:
        return f"curl {shlex.quote(url)}"
    example = operation["requestBody"]["content"]["application/json"]["example"]
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in example.items())
    body = shlex.quote(f"{{\n{lines}\n}}")
    return f"curl {shlex.quote(url)} \\\n  -H 'Content-Type: application/json' \\\n  -d {body}"

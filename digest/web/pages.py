"""The pages: templates compiled once, files that never change, and the answers made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.defaults import DEFAULT_NAMESPACE
from starlette.responses import HTMLResponse, Response

from digest.errors import TemplateError

#: Every page; a folder without one of them is an error at start, not at the first reader.
NAMES = (
    "api",
    "confirm",
    "data",
    "edition",
    "editions",
    "erased",
    "error",
    "expired",
    "home",
    "inbox",
    "leave",
    "preferences",
)
#: What a template is given beside `view`.
_SHARED = ("product", "postal_address", "style_url", "script_url", "icon_url")
_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Static:
    """A file that the pages refer to."""

    body: bytes
    kind: str  #: media type
    version: str  #: hash of the body; stands in the URL, so that a changed file has another one


class Pages:
    """Every page of a folder, ready to render.

    Args:
        folder: Holds one template per page, the partials, and `static/`.
        product: Name of the service.
        postal_address: Shown in the foot of every page; may be empty.

    Raises:
        TemplateError: A page is missing, does not compile, or asks for a value that none is given.
    """

    def __init__(self, folder: Path, *, product: str, postal_address: str) -> None:
        self._static = _static(folder / "static")
        self._templates = _compiled(folder)
        given = {
            "product": product,
            "postal_address": postal_address,
            "style_url": self.url("style.css"),
            "script_url": self.url("script.js"),
            "icon_url": self.url("favicon.svg"),
        }
        for template in self._templates.values():
            template.globals.update(given)

    def answer(self, name: str, view: object, *, status: int = 200) -> HTMLResponse:
        """A page, or with the name of a partial a piece of one.

        Args:
            name: Of the template, without `.html`.
            view: What it shows, one of `views`.
            status: Of the answer.
        """
        return HTMLResponse(self._templates[name].render(view=view), status)

    def url(self, name: str) -> str:
        """Where a static file is, as the pages link to it."""
        found = self._static.get(name)
        return f"/static/{name}?v={found.version}" if found else f"/static/{name}"

    def static(self, name: str, *, version: str | None, known: str | None) -> Response | None:
        """A static file.

        Args:
            name: Of the file.
            version: That the URL asks for; with the right one the answer may be kept for ever.
            known: The If-None-Match of the request.

        Returns:
            The file, or 304 where the client has it, or None where there is none of this name.
        """
        found = self._static.get(name)
        if found is None:
            return None
        etag = f'"{found.version}"'
        kept = _FOR_EVER if version == found.version else "no-cache"
        headers = {"ETag": etag, "Cache-Control": kept}
        if known is not None and etag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
            return Response(status_code=304, headers=headers)
        return Response(found.body, headers=headers, media_type=found.kind)


def _static(folder: Path) -> Mapping[str, Static]:
    try:
        files = [path for path in sorted(folder.iterdir()) if path.suffix in _KINDS]
        return {path.name: _file(path.read_bytes(), _KINDS[path.suffix]) for path in files}
    except OSError as error:
        raise TemplateError(f"a file of the pages cannot be read: {error}") from error


def _file(body: bytes, kind: str) -> Static:
    return Static(body=body, kind=kind, version=hashlib.sha256(body).hexdigest()[:16])


def _compiled(folder: Path) -> Mapping[str, Template]:
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,  # every template here is HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=-1,
        auto_reload=False,
    )
    names = [path.name for path in sorted(folder.glob("*.html"))]
    missing = [name for name in NAMES if f"{name}.html" not in names]
    if missing:
        raise TemplateError(f"{folder}: there is no {', '.join(f'{name}.html' for name in missing)}")
    for name in names:
        _check(environment, name)
    return {name.removesuffix(".html"): environment.get_template(name) for name in names}


def _check(environment: Environment, name: str) -> None:
    """Compile a template, and find names that nobody gives, also in branches that are seldom taken."""
    assert environment.loader is not None
    try:
        source = environment.loader.get_source(environment, name)[0]
        environment.get_template(name)
    except TemplateSyntaxError as error:
        raise TemplateError(f"{error.name or name}, line {error.lineno}: {error.message}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateError(f"{name}: {error}") from error
    if not name.startswith("_"):  # a partial may use what its caller has set
        _check_names(name, environment.parse(source))


def _check_names(name: str, tree: nodes.Template) -> None:
    bound = {"loop", "caller", "view", *_SHARED, *DEFAULT_NAMESPACE}
    bound |= {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"}
    bound |= {node.target for node in tree.find_all(nodes.Import)}
    bound |= {node.name for node in tree.find_all(nodes.Macro)}
    for drawn in tree.find_all(nodes.FromImport):
        bound |= {one if isinstance(one, str) else one[1] for one in drawn.names}
    for node in tree.find_all(nodes.Name):
        if node.name not in bound:
            raise TemplateError(f"{name}, line {node.lineno}: {node.name!r} is not given")

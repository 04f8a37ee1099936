"""The mails' templates: loaded once, checked once, compiled once, with their CSS inlined.

Each mail is a folder of `subject.txt`, `body.txt` and `body.html`; a file that starts with `_` is a
partial, for any of them to include.
"""

from __future__ import annotations

import hashlib
import re
import textwrap
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.exceptions import TemplateNotFound

from digest.compose.inline import inlined
from digest.compose.views import SAMPLES
from digest.errors import TemplateError

#: The pieces of a digest that are rendered apart, in both parts; see `fragments`.
BLOCKS = ("head", "paper", "reasons", "links", "foot")
_FILES = ("subject.txt", "body.txt", "body.html")
_INCLUDE = re.compile(r'\{%-?\s*include\s+"([^"]+)"\s*-?%\}')
_TEXT_COLUMNS = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    subject: Template
    text: Template
    html: Template  #: CSS inlined


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates:
    """Every mail's templates, ready to render."""

    version: str  #: of all sources together; another one, other bytes
    mails: Mapping[str, Mail]  #: by the value of `deliver.delivery.Kind`

    @classmethod
    def load(cls, folder: Path) -> Templates:
        """Read, check, inline and compile all templates below a folder.

        Args:
            folder: Holds one folder per mail, and the partials.

        Raises:
            TemplateError: A file is missing, does not compile, lacks a block, or asks for a value
                that it is not given; file and line are named.
        """
        sources = _sources(folder)
        written = _environment(sources, folder)
        for name in sources:
            _compiled(written, name)
        for mail, sample in SAMPLES.items():
            for file in _FILES:
                _check(written, f"{mail}/{file}", sample)
        made = {name: _inlined(name, sources) for name in sources}
        final = _environment(made, folder)
        return cls(version=_version(sources), mails={mail: _mail(final, mail) for mail in SAMPLES})


def render(template: Template, values: Mapping[str, Any]) -> str:
    """The whole template."""
    try:
        return template.render(values)
    except Exception as error:
        raise _located(error) from error


def render_block(template: Template, block: str, values: Mapping[str, Any]) -> str:
    """One block of the template, as if the rest were not there."""
    try:
        return "".join(template.blocks[block](template.new_context(dict(values))))
    except Exception as error:
        raise _located(error) from error


def _sources(folder: Path) -> dict[str, str]:
    """Name, such as `digest/body.txt` or `_head.html`, to text."""
    wanted = [folder / mail / file for mail in SAMPLES for file in _FILES]
    partials = sorted(path for path in folder.rglob("_*") if path.is_file())
    try:
        return {
            path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
            for path in (*wanted, *partials)
        }
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateError(f"a template cannot be read: {error}") from error


def _environment(sources: Mapping[str, str], folder: Path) -> Environment:
    def load(name: str) -> tuple[str, str, None] | None:
        return (sources[name], str(folder / name), None) if name in sources else None

    environment = Environment(
        loader=FunctionLoader(load),
        autoescape=_is_html,  # noqa: S701 - on for HTML, and text parts must not be escaped
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        cache_size=-1,
        auto_reload=False,
    )
    environment.filters["wrap"] = _wrap
    return environment


def _is_html(name: str | None) -> bool:
    # By explicit list: `select_autoescape()` would let a name such as `body.html.j2` pass unescaped.
    return name is not None and name.endswith(".html")


def _wrap(text: str) -> str:
    """Lines of 72 columns; a longer word, such as a URL, stays whole."""
    return textwrap.fill(text.strip(), _TEXT_COLUMNS, break_long_words=False, break_on_hyphens=False)


def _check(environment: Environment, name: str, sample: Mapping[str, Any]) -> None:
    """Compile a template as it was written, so that errors name its true lines, and try it."""
    template = _compiled(environment, name)
    if name.startswith("digest/body."):
        for block in BLOCKS:
            if block not in template.blocks:
                raise TemplateError(f"{name}: has no block {block!r}")
    _check_names(environment, name, sample)
    render(template, sample)


def _check_names(environment: Environment, name: str, sample: Mapping[str, Any]) -> None:
    """Find names that nobody gives, also in branches that the sample does not take."""
    assert environment.loader is not None
    tree = environment.parse(environment.loader.get_source(environment, name)[0])
    names = list(tree.find_all(nodes.Name))
    bound = {"loop", *sample, *(node.name for node in names if node.ctx != "load")}
    # Blocks of a loop see its variable, which find_undeclared_variables does not know.
    for node in names:
        if node.name not in bound:
            raise TemplateError(f"{name}, line {node.lineno}: {node.name!r} is not given")


def _compiled(environment: Environment, name: str) -> Template:
    try:
        return environment.get_template(name)
    except TemplateSyntaxError as error:
        raise TemplateError(f"{error.name}, line {error.lineno}: {error.message}") from error


def _inlined(name: str, sources: Mapping[str, str]) -> str:
    if not name.endswith("/body.html"):
        return sources[name]
    try:
        return inlined(_expanded(sources[name], sources))
    except ValueError as error:
        raise TemplateError(f"{name}: {error}") from error


def _expanded(source: str, sources: Mapping[str, str]) -> str:
    """The source with its partials put in, and theirs: premailer needs the whole page."""

    def partial(tag: re.Match[str]) -> str:
        if tag[1] not in sources:
            raise ValueError(f"there is no {tag[1]!r}")
        return _expanded(sources[tag[1]], sources)

    return _INCLUDE.sub(partial, source)


def _mail(environment: Environment, mail: str) -> Mail:
    subject, text, html = (_compiled(environment, f"{mail}/{file}") for file in _FILES)
    return Mail(subject=subject, text=text, html=html)


def _version(sources: Mapping[str, str]) -> str:
    every = "\0".join(part for name in sorted(sources) for part in (name, sources[name]))
    return hashlib.sha256(every.encode()).hexdigest()[:12]


def _located(error: Exception) -> TemplateError:
    """The error with the place in a template where it arose: Jinja writes it into the traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [
        f"{frame.filename}, line {frame.lineno}" for frame in frames if not frame.filename.endswith(".py")
    ]
    what = f"there is no {error.name!r}" if isinstance(error, TemplateNotFound) else str(error)
    return TemplateError(": ".join([*places[-1:], what]))

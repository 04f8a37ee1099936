"""CSS moved into `style` attributes, once, on the source of a template.

premailer takes 6.2 ms a message, and every message of a template comes out with the same attributes;
so it runs on the source at load time, with the Jinja tags hidden from it.
"""

from __future__ import annotations

import logging
import re
import sys
from types import ModuleType
from typing import Any


def _premailer() -> Any:
    """Import premailer without requests, by which it would fetch style sheets, and which `allow_network` forbids.

    To import requests takes 35 ms of each command, and binds a socket to learn of IPv6: a dry run opens none.
    """
    before = sys.modules.get("requests")
    sys.modules["requests"] = ModuleType("requests")
    try:
        from premailer import Premailer  # noqa: PLC0415 - only here is requests put aside
    finally:
        del sys.modules["requests"]
        if before is not None:
            sys.modules["requests"] = before
    return Premailer


_Premailer = _premailer()
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_TOKEN = re.compile(r"<!--jinja([0-9]+)x-->|jinja([0-9]+)x")
_MARKUP = re.compile(r"<!--.*?-->|<[a-zA-Z/!][^<>]*>", re.DOTALL)
_PAGE = re.compile(r"<html\b.*</html>", re.DOTALL)
#: In `style` and `title` a comment would be text.
_RAW = re.compile(r"(?s)<(style|title)\b.*?</\1>")
_STYLE = re.compile(r"""(?<=\sstyle=)(["'])(.*?)\1""")


def inlined(source: str) -> str:
    """The template's source with each rule of its first style sheet written to the elements it meets.

    A `<style data-premailer="ignore">` stays as it is: media queries, which cannot be inlined, and
    which premailer would rewrite. What stands outside `<html>…</html>`, the doctype above all, is
    not shown to premailer, which drops one in lower case.

    Args:
        source: A whole page, includes already put in. Statements (`{% … %}`) stand between tags or
            inside attribute values, not among the attributes of a tag.
    """
    page = _PAGE.search(source)
    if page is None:
        raise ValueError("the page has no <html>…</html>")
    tags: list[str] = []
    hidden = _between_tags_as_comments(_hidden(page[0], tags), tags)
    transformed: str = _Premailer(
        hidden,
        strip_important=False,  # dark mode lives by it
        disable_validation=True,  # cssutils knows no CSS after 2011
        cssutils_logging_level=logging.CRITICAL + 1,  # and complains about each
        # These attributes left HTML long ago; the mso comments of the templates have their own.
        disable_basic_attributes=["align", "valign", "bgcolor", "width", "height"],
        allow_network=False,
    ).transform(pretty_print=False)
    shown = _TOKEN.sub(lambda token: tags[int(token[1] or token[2])], transformed)
    return source[: page.start()] + _slim(shown) + source[page.end() :]


def _hidden(page: str, tags: list[str]) -> str:
    def token(tag: re.Match[str]) -> str:
        tags.append(tag[0])
        return f"jinja{len(tags) - 1}x"

    return _JINJA.sub(token, page)


def _between_tags_as_comments(page: str, tags: list[str]) -> str:
    """Write each statement that stands between tags as a comment.

    A comment may stand anywhere, also between the rows of a table, where text is moved or wrapped.
    """
    closed = [span.span() for span in (*_RAW.finditer(page), *_MARKUP.finditer(page))]

    def comment(token: re.Match[str]) -> str:
        inside = any(start <= token.start() < end for start, end in closed)
        return token[0] if inside or tags[int(token[2])].startswith("{{") else f"<!--{token[0]}-->"

    return _TOKEN.sub(comment, page)


def _slim(page: str) -> str:
    """Without indents, and without the blanks that premailer puts in each `style`: every paper has them."""
    return re.sub(r"\n\s+", "\n", _STYLE.sub(_tight, page))


def _tight(style: re.Match[str]) -> str:
    declarations = re.sub(r"([;:,])\s+", r"\1", style[2])
    # cssutils writes names of fonts in double quotes, and so lxml the attribute in single ones.
    return '"{}"'.format(declarations.replace('"', "'"))

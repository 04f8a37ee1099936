"""The form of the choices: what was sent, checked field by field, and what a page shows of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from digest.errors import AddressError
from digest.subscribers.address import normalise
from digest.subscribers.preferences import PROFILE, SCHEDULE, check
from digest.subscribers.subscriber import Profile, Schedule
from digest.web.problems import Problem

#: A browser sends every topic that is chosen as a field of its own; the body's cap holds the rest.
FIELDS_MAX = 500
#: What a multipart form may be written in; browsers name nothing, and mean UTF-8.
_CHARSETS = (b"utf-8", b"us-ascii", b"iso-8859-1")
_BROKEN = "What your browser sent could not be read. Go back, load the page anew and try again."

_TEXTS = ("interests", "include", "exclude")  #: one a line
#: What no page can hold (a lone surrogate cannot even be encoded), or what turns its writing around.
_UNSHOWN = re.compile(
    "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


async def posted(request: Request) -> FormData:
    """The fields of a posted form, urlencoded or multipart; none where the body is of another type.

    Raises:
        Problem: 400: it cannot be read, has too many fields, or holds a file.
    """
    # Any codec of Python's may be named, and the loop waits while it decodes: punycode takes 2 s for 60 KB.
    _, options = parse_options_header(request.headers.get("content-type"))
    if options.get(b"charset", b"utf-8").lower() not in _CHARSETS:
        raise Problem(400, "This form could not be read", _BROKEN)
    try:
        return await request.form(max_files=0, max_fields=FIELDS_MAX)
    except Problem:
        raise  # of the guards: the body is too large
    except (HTTPException, ValueError) as error:  # ValueError: a charset that decodes to no text
        raise Problem(400, "This form could not be read", _BROKEN) from error


def one(form: FormData, name: str) -> str | None:
    """The last value of a field, None where it was not sent."""
    value = form.get(name)
    return value if isinstance(value, str) else None


def shown(text: str) -> str:
    """A text as a page may hold it: what was sent, with U+FFFD for what cannot be shown."""
    return _UNSHOWN.sub("\ufffd", text)


def address_error(text: str) -> str | None:
    """What is wrong with an address, in words; None where it can be mailed."""
    if not text.strip():
        return "Enter your mail address."
    try:
        normalise(text)
    except AddressError as error:
        return sentence(error.reason)
    return None


def sentence(reason: str) -> str:
    """An error's reason as a page shows it."""
    text = shown(reason)
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What was chosen, as far as it can be, and what is wrong with the rest."""

    profile: Profile
    schedule: Schedule
    errors: Mapping[str, str] = field(default_factory=dict)  #: field -> what is wrong, one each
    sent: Mapping[str, str] = field(default_factory=dict)  #: the fields to type in, as they were sent


def choices(form: FormData, *, topic_ids: Collection[str], profile: Profile, schedule: Schedule) -> Choices:
    """Check every field by itself, so that a reader sees all errors at once.

    Args:
        form: As it was posted; no topic means that none is wanted, as no box was ticked.
        topic_ids: Ids of the taxonomy.
        profile: Its values stand for fields that were not sent, or cannot be.
        schedule: Likewise.
    """
    sent = {name: text for name in (*_TEXTS, "cap") if (text := one(form, name)) is not None}
    raw = {name: text for name in (*PROFILE, *SCHEDULE) if (text := one(form, name)) is not None}
    given: dict[str, Any] = raw | {name: raw[name].splitlines() for name in _TEXTS if name in raw}
    given["topics"] = [topic for topic in form.getlist("topics") if isinstance(topic, str)]
    found = check(given, known_topics=topic_ids, wants=profile, when=schedule)
    errors = {name: sentence(reason) for name, reason in found.errors.items()}
    return Choices(profile=found.profile, schedule=found.schedule, errors=errors, sent=sent)

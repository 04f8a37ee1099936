"""For how long a server asks to be left alone."""

from __future__ import annotations

import datetime as dt

import httpx2
import pytest

from digest.sources.answers import asked_to_wait
from tests.factories import NOW


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120),
        ({"retry-after": " 0 "}, 0),
        ({"Retry-After": "Fri, 20 Nov 2026 08:02:00 GMT"}, 120),
        ({"Retry-After": "Fri, 20 Nov 2026 08:02:00 -0000"}, 120),
        ({"Retry-After": "Friday, 20-Nov-26 08:02:00 GMT"}, 120),
        ({"Retry-After": "Fri, 20 Nov 2026 07:00:00 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "Fri, 99 Nov 2026 08:02:00 GMT"}, None),
        ({"Retry-After": "9" * 5000}, 999_999_999),
        ({"RateLimit": '"api";r=0;t=55'}, 55),
        ({"RateLimit": '"api";r=0; t=55'}, 55),
        ({"RateLimit": '"pages";r=12'}, None),
        ({"Retry-After": "7", "RateLimit": '"api";r=0;t=55'}, 7),
    ],
)
def test_how_long(headers: dict[str, str], seconds: int | None) -> None:
    """Seconds, a date in each of the forms of HTTP, or the words of Hugging Face; what is none of them is nothing."""
    found = asked_to_wait(httpx2.Headers([(k.encode(), v.encode()) for k, v in headers.items()]), NOW)
    assert found == (None if seconds is None else dt.timedelta(seconds=seconds))

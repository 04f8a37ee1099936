"""Single values of dumps: kept where sound, absent where not."""

from __future__ import annotations

import datetime as dt

import pytest

from digest.ingest.formats import values


@pytest.mark.parametrize(
    ("given", "expected"),
    [("a\ud800b\0", "a\ufffdb\ufffd"), ("  as it\nstands ", "  as it\nstands "), (5, ""), (None, "")],
)
def test_texts_are_kept_as_they_stand(given: object, expected: str) -> None:
    """But for what nothing can hold; another type is no text."""
    assert values.text(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (0, 0),
        (2**31 - 1, 2**31 - 1),
        (2**31, None),
        (-1, None),
        (True, None),
        ("7", None),
        (7.0, None),
        (None, None),
    ],
)
def test_counts_are_whole_and_in_range(given: object, expected: int | None) -> None:
    """A number in quotation marks, a boolean and a fraction count nothing."""
    assert values.count(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("3.29k", 3290), ("12", 12), (" 1.5K\n", 1500), ("2M", 2_000_000), ("1.2 k", 1200), ("1,204", 1204), ("1,204,001", 1_204_001),
        ("0", 0), ("1.5", None), ("1.0001k", None), ("9999m", None), ("1,20", None), ("-1", None), ("", None), ("k", None), ("3 votes", None),
        ("٣", None), ("9" * 5000, None), ("12,345k", 12_345_000),
    ],
)  # fmt: skip
def test_counts_are_read_as_pages_show_them(given: str, expected: int | None) -> None:
    """With a unit, or commas between thousands; half a vote is none."""
    assert values.shown_count(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2024-08-28T05:41:52.000Z", dt.datetime(2024, 8, 28, 5, 41, 52, tzinfo=dt.UTC)),
        ("2024-08-28T05:41:52+02:00", dt.datetime(2024, 8, 28, 3, 41, 52, tzinfo=dt.UTC)),
        ("2024-08-28T05:41:52", dt.datetime(2024, 8, 28, 5, 41, 52, tzinfo=dt.UTC)),
        ("0001-01-01T00:00:00+02:00", None),
        ("2024-08-28", dt.datetime(2024, 8, 28, tzinfo=dt.UTC)),
        ("2024-W35", None),
        ("20240828", None),
        ("2024-02-30", None),
        ("soon", None),
        (5, None),
    ],
)
def test_times_are_given_in_utc(given: object, expected: dt.datetime | None) -> None:
    """No zone means UTC; what lies before all calendars is no time."""
    time = values.time(given)
    assert time == expected
    assert time is None or time.tzinfo is dt.UTC


@pytest.mark.parametrize(
    "url",
    ["https://a.example/x?y=%20#z", "http://a.example:8080", "https://[2001:db8::1]/", "https://bücher.example/ü", "HTTPS://A.example"],
)  # fmt: skip
def test_web_addresses_are_kept_as_given(url: str) -> None:
    """Without the white space around them."""
    assert values.web_url(f" {url}\n") == url


@pytest.mark.parametrize(
    "given",
    [
        "javascript:alert(1)", "data:text/html,x", "ftp://a.example", "//a.example/x", "/x", "a.example", "", "https://", "https:///x",
        "https://a.example/a b", "https://a.example/\0", "https://a.example/\ud800", "https://a.example:99999", "https://[::1",
        'https://a.example/"onload=', "https://a.example/" + "x" * 2_000, 5, None, "https://me@a.example/", "https://me:hush@a.example/",
        "https://github.com@a.example/", "https://a.example/\u202egpj.exe", "https://a.exam\u200bple/", "https://a.example/\x80b",
    ],
)  # fmt: skip
def test_what_is_no_web_address_is_absent(given: object) -> None:
    """Other schemes, no host, broken, with signs that belong in no address, or endless."""
    assert values.web_url(given) is None

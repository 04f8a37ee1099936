"""CSV in and out."""

from __future__ import annotations

import csv
import datetime as dt
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.errors import UsageError
from digest.subscribers.importing import COLUMNS, BadRow, Row, read_csv, write_csv
from digest.subscribers.preferences import profile, schedule
from digest.subscribers.subscriber import Frequency, Profile, Schedule, State, Subscriber

TOPICS = ("agents", "speech")


def read(text: str) -> list[Row | BadRow]:
    return list(read_csv(text, TOPICS))


def row(line: int, address: str, **rest: object) -> Row:
    values: dict[str, object] = {
        "profile": Profile(),
        "schedule": Schedule(),
        "state": None,
        "confirmed_at": None,
        **rest,
    }
    return Row(line=line, address=address, **values)  # type: ignore[arg-type]  # the field's name is data


def test_address_alone_is_enough() -> None:
    """One column gives rows with defaults."""
    assert read("address\nada@example.org\nBo@Example.org\n") == [
        row(2, "ada@example.org"),
        row(3, "Bo@example.org"),
    ]


def test_zone_and_hour_of_who_names_none() -> None:
    """A row without zone or hour gets those given for it, a row with one keeps its own, midnight included."""
    text = "address,zone,hour\na@example.org,,\nb@example.org,Asia/Tokyo,0\n"
    unset = Schedule(frequency=Frequency.WEEKLY, weekday=3, zone="Europe/Berlin", hour=9)
    assert list(read_csv(text, TOPICS, unset=unset)) == [
        row(2, "a@example.org", schedule=Schedule(zone="Europe/Berlin", hour=9)),
        row(3, "b@example.org", schedule=Schedule(zone="Asia/Tokyo", hour=0)),
    ]


def test_every_column() -> None:
    """All columns, in any order and case, with blanks around, land in their places."""
    text = (
        "Cap, HOUR ,zone,weekday,frequency,exclude,include,interests,topics,address,confirmed_at,state\n"
        '5,23,Asia/Kathmandu,fri,weekly,"a, b; c",author:Bo,"x; =y",agents; speech,ada@example.org,'
        "2026-03-01T09:30:00+01:00,Active\n"
    )
    assert read(text) == [
        row(
            2,
            "ada@example.org",
            profile=Profile(
                topics=("agents", "speech"),
                interests=("x", "=y"),
                include=("author:Bo",),
                exclude=("a, b", "c"),
                cap=5,
            ),
            schedule=Schedule(frequency=Frequency.WEEKLY, weekday=4, zone="Asia/Kathmandu", hour=23),
            state=State.ACTIVE,
            confirmed_at=dt.datetime(2026, 3, 1, 8, 30, tzinfo=dt.UTC),
        )
    ]


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2026-03-01", dt.datetime(2026, 3, 1, tzinfo=dt.UTC)),
        ("2026-03-01T09:30", dt.datetime(2026, 3, 1, 9, 30, tzinfo=dt.UTC)),
        ("2026-03-01T09:30Z", dt.datetime(2026, 3, 1, 9, 30, tzinfo=dt.UTC)),
    ],
)
def test_confirmed_at_is_in_utc_unless_it_says_otherwise(cell: str, moment: dt.datetime) -> None:
    """A date, or a moment without a zone, is in UTC."""
    (found,) = read(f"address,confirmed_at\nada@example.org,{cell}\n")
    assert isinstance(found, Row)
    assert found.confirmed_at == moment


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_numbers_are_those_of_the_file(mark: str, end: str) -> None:
    """Blank lines and quoted line ends count; a row stands on the line where it starts."""
    lines = [
        mark + "address,interests",
        "",
        'ada@example.org,"two',
        'lines"',
        ",",
        "bo@example.org,",
        "nobody,",
        "cy@example.org,",
    ]
    found = read(end.join(lines))
    assert [each.line for each in found] == [3, 6, 7, 8]
    assert [isinstance(each, BadRow) for each in found] == [False, False, True, False]
    assert found[0] == row(3, "ada@example.org", profile=Profile(interests=("two lines",)))


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (",agents,5", "must have an @-sign"),
        ("ada@example.org,agent,5", "did you mean agents?"),
        ("ada@example.org,agents,0", "cap: '0'"),
        ("ada@example.org,agents,5,x", "4 cells under 3 columns"),
    ],
)
def test_bad_row_says_why(cells: str, reason: str) -> None:
    """A row that cannot be is reported, and the next one is read."""
    bad, good = read(f"address,topics,cap\n{cells}\nbo@example.org\n")
    assert isinstance(bad, BadRow)
    assert bad.line == 2
    assert reason in bad.reason
    assert good == row(3, "bo@example.org")


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("state", "gone", "state: 'gone' is not one of pending, active, paused, suppressed, left"),
        ("confirmed_at", "yesterday", "confirmed_at: 'yesterday' is not an ISO date"),
        ("confirmed_at", "0001-01-01T00:00+14:00", "is not an ISO date"),
        ("zone", "Mars", "zone: 'Mars'"),
    ],
)
def test_bad_cell_is_named(column: str, cell: str, reason: str) -> None:
    """The reason names the column and the value."""
    (bad,) = read(f"address,{column}\nada@example.org,{cell}\n")
    assert isinstance(bad, BadRow)
    assert reason in bad.reason


def test_repeat_of_an_address_is_bad() -> None:
    """Of rows with one address the first counts, whatever the case; a bad row claims no address."""
    found = read("address,cap\nada@example.org,0\nADA@example.org,1\nada@EXAMPLE.org,2\nada@example.org,3\n")
    assert isinstance(found[0], BadRow)
    assert found[1] == row(3, "ADA@example.org", profile=Profile(cap=1))
    assert found[2:] == [
        BadRow(line=4, reason="the address of line 3 again"),
        BadRow(line=5, reason="the address of line 3 again"),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "`address` among them"),
        ("topics\n", "`address` among them"),
        ("address,nickname\n", "unknown column 'nickname'; known are address, topics"),
        ("address;topics\n", "unknown column 'address;topics'"),
        ("address,\n", "unknown column ''"),
        ("address,cap,CAP\n", "'cap' stands twice"),
        ('address,"cap"x\n', "line 1: "),
    ],
)
def test_bad_header_refuses_the_file_at_once(text: str, reason: str) -> None:
    """A header that cannot be read is refused before any row is asked for."""
    with pytest.raises(UsageError) as caught:
        read_csv(text, TOPICS)
    assert reason in str(caught.value)


def test_broken_quotes_end_the_reading() -> None:
    """After a quote that never closes nothing can be told apart: the good rows before it stand."""
    good, bad = read('address,interests\nada@example.org,x\nbo@example.org,"y\ncy@example.org,z\n')
    assert good == row(2, "ada@example.org", profile=Profile(interests=("x",)))
    assert isinstance(bad, BadRow)
    assert bad.line == 3
    assert bad.reason.endswith("nothing after it was read")


def subscriber(address: str, **rest: object) -> Subscriber:
    values: dict[str, object] = {"state": State.ACTIVE, **rest}
    return Subscriber(id=1, address=address, **values)  # type: ignore[arg-type]  # the field's name is data


def test_export_is_plain_csv() -> None:
    """The header, then a line for each subscriber, CRLF at each end."""
    confirmed_at = dt.datetime(2026, 3, 1, 8, 30, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    chosen = Profile(topics=("agents", "speech"), interests=("a, b", 'say "x"'), exclude=("c",), cap=3)
    when = Schedule(frequency=Frequency.WEEKLY, weekday=2, zone="Europe/Berlin", hour=0)
    people = [
        subscriber("ada@example.org", profile=chosen, schedule=when, confirmed_at=confirmed_at),
        subscriber("bo@example.org", state=State.PENDING),
    ]
    assert list(write_csv(people)) == [
        "address,topics,interests,include,exclude,cap,frequency,weekday,zone,hour,state,confirmed_at\r\n",
        (
            'ada@example.org,agents;speech,"a, b;say ""x""",,c,3,weekly,wed,Europe/Berlin,0,active,'
            "2026-03-01T07:30:00+00:00\r\n"
        ),
        "bo@example.org,,,,,10,daily,mon,UTC,7,pending,\r\n",
    ]


@pytest.mark.parametrize("lead", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'=", "''-"])
def test_export_defuses_formulas(lead: str) -> None:
    """A cell, or a value of a list, that would run in a spreadsheet gets a quote in front."""
    chosen = Profile(topics=(f"{lead}t",), interests=("x", f"{lead}1+1"), include=(f"{lead}2",))
    _, line = write_csv([subscriber(f"{lead}ada@example.org", profile=chosen)])
    (cells,) = csv.reader(io.StringIO(line, newline=""))
    assert cells[:4] == [f"'{lead}ada@example.org", f"'{lead}t", f"x;'{lead}1+1", f"'{lead}2"]


def test_quote_alone_is_no_formula() -> None:
    """A text that merely starts with a quote stays as it is, out and in."""
    _, line = write_csv([subscriber("ada@example.org", profile=Profile(interests=("'tis",)))])
    assert "'tis" in line
    assert "''tis" not in line
    (found,) = read("address,interests\nada@example.org,'tis")
    assert found == row(2, "ada@example.org", profile=Profile(interests=("'tis",)))


TEXTS = st.lists(st.text("ab=+-@';,\" \n\t漢＝", max_size=6), max_size=4)


@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS, TEXTS, st.sampled_from(["=a", "+a", "'a", "'=a", "''-a", "a-"]), st.integers(0, 23))
def test_export_reads_back_alike(
    interests: list[str], include: list[str], exclude: list[str], local: str, hour: int
) -> None:
    """What was exported is imported as it was, whatever the texts hold."""
    person = subscriber(
        f"{local}@example.org",
        profile=profile(
            known_topics=TOPICS, topics=["speech"], interests=interests, include=include, exclude=exclude
        ),
        schedule=schedule(frequency="weekly", weekday="thu", zone="Pacific/Apia", hour=hour),
        confirmed_at=dt.datetime(2026, 3, 1, 8, 30, 1, 5, tzinfo=dt.UTC),
    )
    (found,) = read("".join(write_csv([person])))
    assert found == Row(
        line=2,
        address=person.address,
        profile=person.profile,
        schedule=person.schedule,
        state=person.state,
        confirmed_at=person.confirmed_at,
    )


def test_export_has_all_columns() -> None:
    """The header is the list of columns that an import knows."""
    (header,) = write_csv([])
    assert header.strip().split(",") == list(COLUMNS)

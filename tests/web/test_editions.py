"""The public pages of editions."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from digest.store import editions
from digest.store.database import Database
from digest.wiring import App
from tests.factories import DAY, TODAY, publish_edition


def test_no_edition_yet(client: TestClient) -> None:
    """Before the first edition the list is a page without entries, and no date has one."""
    assert client.get("/editions").status_code == 200
    assert client.get(f"/editions/{TODAY}").status_code == 404


def test_an_edition(site_app: App, client: TestClient) -> None:
    """A page holds all papers of its day by their place, without reasons, and leads to the days beside it."""
    for back, titles in ((2, ["First Kite"]), (1, ["Kite B", "Kite A", "Kite C"]), (0, ["Last Kite"])):
        publish_edition(site_app.database, *titles, day=TODAY - back * DAY)
    page = client.get("/editions/2026-11-19").text
    places = [page.index(title) for title in ("Kite B", "Kite A", "Kite C")]
    assert places == sorted(places)
    assert "Thursday, 19 November 2026" in page
    assert "Because you follow" not in page
    assert "Trending" not in page
    assert 'href="/editions/2026-11-18"' in page
    assert 'href="/editions/2026-11-20"' in page
    assert 'href="/editions/2026-11-21"' not in client.get("/editions/2026-11-20").text


@pytest.mark.parametrize(
    "date", ["2026-11-21", "20261120", "2026-W47-5", "2026-11-31", "today", "0000-00-00", "2026-11-20T00", "%00", "1" * 400]
)  # fmt: skip
def test_dates_without_an_edition(site_app: App, client: TestClient, date: str) -> None:
    """Another date, or another spelling of one, is no page of ours."""
    publish_edition(site_app.database, "A Kite")
    assert client.get(f"/editions/{date}").status_code == 404


def test_the_list_goes_by_pages(site_app: App, client: TestClient) -> None:
    """Thirty editions a page, newest first; each page goes on by date where the one above ended."""
    days = [TODAY - n * DAY for n in range(65)]
    for day in reversed(days):
        publish_edition(site_app.database, f"Kite of {day}", day=day)
    path, met = "/editions", []
    while path:
        page = client.get(path).text
        met.append([day for day in days if f'href="/editions/{day}"' in page])
        older = [day for day in days if f'href="/editions?before={day}"' in page]
        path = f"/editions?before={older[0]}" if older else ""
    assert met == [days[:30], days[30:60], days[60:]]


@pytest.mark.parametrize("before", ["", "yesterday", "20261120", "9999-99-99", "%00"])
def test_a_page_that_no_link_leads_to(client: TestClient, before: str) -> None:
    """A date that is none is no page of ours."""
    assert client.get(f"/editions?before={before}").status_code == 404


def test_the_edition_after_a_date(database: Database) -> None:
    """The next edition is the first with a later date, whatever its id."""
    later = publish_edition(database, "Later Kite", day=TODAY)
    earlier = publish_edition(database, "Earlier Kite", day=TODAY - 3 * DAY)
    with database.read() as conn:
        found = [editions.after(conn, TODAY + n * DAY) for n in (-4, -3, -1, 0)]
    assert [edition.id if edition else None for edition in found] == [earlier, later, later, None]

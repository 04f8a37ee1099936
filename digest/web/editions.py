"""The public pages of editions: each day's papers, the same for everyone."""

from __future__ import annotations

import datetime as dt

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from digest.compose.memo import Memo
from digest.compose.views import paper_view, weekday_date
from digest.store import editions
from digest.store.database import Database
from digest.store.editions import Edition
from digest.web.problems import Problem
from digest.web.site import Site
from digest.web.views import EditionPageView, EditionsView, EditionView, PickView

#: As in the mails.
ABSTRACT_CHARS = 360
_PER_PAGE = 30
#: Editions whose papers are kept ready: 60 of them take 2 ms to read and shorten.
_KEPT = 32


class EditionViews:
    """Makes the views of editions, whose papers never change once they are published."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._picks: Memo[int, tuple[PickView, ...]] = Memo(_KEPT)

    def of(self, edition: Edition, *, first: int | None = None) -> EditionView:
        """An edition with its papers by place, or the first few of them; reads them where they are not kept."""
        return _view(edition, self._picks.get(edition.id, lambda: self._read(edition))[:first])

    def _read(self, edition: Edition) -> tuple[PickView, ...]:
        with self._database.read() as conn:
            held = editions.contents(conn, [edition.id])
        return tuple(
            PickView(paper=paper_view(paper, abstract_chars=ABSTRACT_CHARS), reasons=()) for paper in held
        )


def router(site: Site) -> APIRouter:
    """The list of editions, and the page of each."""
    routes = APIRouter(include_in_schema=False)
    views = EditionViews(site.app.database)

    @routes.get("/editions")
    def list_editions(before: str | None = None) -> HTMLResponse:
        oldest = None if before is None else _date(before)
        with site.app.database.read() as conn:
            found = editions.page(conn, before=oldest, limit=_PER_PAGE + 1)
        page, more = found[:_PER_PAGE], found[_PER_PAGE:]
        older = f"/editions?before={page[-1].date.isoformat()}" if more else None
        return site.pages.answer(
            "editions", EditionsView(editions=tuple(_view(each, ()) for each in page), older=older)
        )

    @routes.get("/editions/{date}")
    def show_edition(date: str) -> HTMLResponse:
        day = _date(date)
        with site.app.database.read() as conn:
            edition = editions.on(conn, day)
            if edition is None:
                raise Problem(404)
            older, newer = editions.page(conn, before=day, limit=1), editions.after(conn, day)
        return site.pages.answer(
            "edition",
            EditionPageView(
                edition=views.of(edition),
                newer=_path(newer.date) if newer else None,
                older=_path(older[0].date) if older else None,
            ),
        )

    return routes


def _view(edition: Edition, picks: tuple[PickView, ...]) -> EditionView:
    return EditionView(
        date=weekday_date(edition.date), path=_path(edition.date), count=edition.papers, picks=picks
    )


def _path(day: dt.date) -> str:
    return f"/editions/{day.isoformat()}"


def _date(text: str) -> dt.date:
    """A date as our links spell it; others, such as 20261120, are no page of ours."""
    try:
        day = dt.date.fromisoformat(text)
    except ValueError as error:
        raise Problem(404) from error
    if day.isoformat() != text:
        raise Problem(404)
    return day

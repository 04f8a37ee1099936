"""The first page: what this is, the newest edition as a sample, and the form to sign up."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, RedirectResponse, Response

from digest.store import editions
from digest.subscribers.consent import CONSENT, consent_version
from digest.subscribers.subscriber import Profile, Schedule
from digest.web.editions import EditionViews
from digest.web.form_views import FormViews
from digest.web.forms import address_error, choices, one, posted
from digest.web.limits import Rule
from digest.web.site import Site
from digest.web.views import EditionView, FormView, HomeView, InboxView

_SAMPLE = 4  # papers of the newest edition
#: Hidden from people and named like what programs fill in: who fills it gets the usual answer, and no mail.
_TRAP = "website"


def router(site: Site) -> APIRouter:
    """The first page, the sign-up, and what comes after it."""
    routes = APIRouter(include_in_schema=False)
    home = _Home(site)

    @routes.get("/")
    def show() -> HTMLResponse:
        return home.page(home.empty)

    @routes.post("/subscribe")
    def subscribe(request: Request, form: Annotated[FormData, Depends(posted)]) -> Response:
        site.limits.hit(Rule.SIGN_UP, site.client(request))
        return home.subscribe(request, form)

    @routes.get("/subscribe")
    def back() -> Response:
        # Where the form came back with errors, this path stands in the address bar.
        return RedirectResponse("/", 303)

    @routes.get("/inbox")
    def inbox() -> HTMLResponse:
        return site.pages.answer("inbox", InboxView())

    return routes


class _Home:
    """The first page of one site."""

    def __init__(self, site: Site) -> None:
        settings = site.app.settings
        self._site = site
        self._forms = FormViews(site.app.taxonomy)
        self._editions = EditionViews(site.app.database)
        self._unset = Schedule(zone=settings.zone, hour=settings.mail.hour)
        self.empty = self._forms.standing(Profile(), self._unset, guess_zone=True)

    def subscribe(self, request: Request, form: FormData) -> Response:
        """Take a sign-up; what is answered depends on what was typed alone, never on who is subscribed."""
        address = one(form, "address") or ""
        wrong = address_error(address)
        chosen = choices(form, topic_ids=self._site.app.topic_ids, profile=Profile(), schedule=self._unset)
        if wrong or chosen.errors:
            errors = {"address": wrong} if wrong else {}
            return self.page(self._forms.sent(chosen, address=address, errors=errors), status=422)
        if not one(form, _TRAP):
            self._site.app.signup.request(
                address,
                profile=chosen.profile,
                schedule=chosen.schedule,
                evidence=replace(self._site.evidence(request), text_version=consent_version()),
                now=self._site.now(),
            )
        return RedirectResponse("/inbox", 303)

    def page(self, form: FormView, *, status: int = 200) -> HTMLResponse:
        view = HomeView(form=form, consent=CONSENT, edition=self._sample())
        return self._site.pages.answer("home", view, status=status)

    def _sample(self) -> EditionView | None:
        with self._site.app.database.read() as conn:
            newest = editions.newest(conn)
        return self._editions.of(newest, first=_SAMPLE) if newest else None

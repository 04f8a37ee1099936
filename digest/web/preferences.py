"""The page of a reader's own choices: change, preview, pause, move, and ask for one's data. The link is the key."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, RedirectResponse, Response

from digest.compose.views import plain_date, weekday_date
from digest.errors import TokenError
from digest.pipeline.lately import Recent, lately
from digest.store import subscribers
from digest.store.subscribers import Standing
from digest.subscribers.address import address_key, normalise
from digest.subscribers.due import REST, local_date
from digest.subscribers.subscriber import SUBSCRIBED, Profile, Schedule, State, Subscriber
from digest.web.form_views import FormViews
from digest.web.forms import Choices, address_error, choices, one, posted, shown
from digest.web.limits import Rule
from digest.web.preview import Previews
from digest.web.problems import Problem
from digest.web.site import Site
from digest.web.views import FormView, PreferencesView

#: What `?done=` may say, and what the page then says; anything else is passed over.
_NOTICES = {
    "confirmed": "Welcome: your subscription is confirmed. Choose what you get, or leave it as it is.",
    "moved": "Done: your mails come to this address from now on.",
    "saved": "Your choices are saved. They count from the next mail on.",
    "paused": "You are paused. Your choices are kept.",
    "resumed": "Welcome back: the newest papers come with your next mail.",
    "move": "If that address can take mail, one is on its way to it. Open the link there to finish the change.",
    "data": "A mail with the links to your data is on its way. We send it once a day at most.",
}
_HOUR = dt.timedelta(hours=1)
_UNSAVED = "This is a preview: nothing is saved yet."
_PARTS = ("preview", "pause", "resume", "move", "data")  #: what the page posts to, below its own path
#: For how many days a pause may be asked for; "" means until it is ended by hand.
_PAUSES = {"": None, "7": 7, "14": 14, "30": 30}

Form = Annotated[FormData, Depends(posted)]


def router(site: Site) -> APIRouter:
    """The page and all that it posts."""
    routes = APIRouter(prefix="/p/{token}", include_in_schema=False)
    desk = _Desk(site)
    _add_choices(routes, site, desk)
    _add_pause(routes, site, desk)
    _add_mails(routes, site, desk)
    _add_way_back(routes, desk)
    return routes


def _add_choices(routes: APIRouter, site: Site, desk: _Desk) -> None:
    @routes.get("")
    def show(token: str, done: str | None = None) -> HTMLResponse:
        return desk.page(token, desk.reader(token), notice=_NOTICES.get(done or ""))

    @routes.post("")
    def save(request: Request, token: str, form: Form) -> Response:
        reader = desk.posting(request, token)
        chosen = desk.choices(form, reader)
        if chosen.errors:
            return desk.page(token, reader, sent=chosen, status=422)
        changed = site.app.signup.change(
            reader, profile=chosen.profile, schedule=chosen.schedule, now=site.now()
        )
        return desk.done(token, "saved", changed=changed)

    @routes.post("/preview")
    def preview(request: Request, token: str, form: Form) -> HTMLResponse:
        reader = desk.posting(request, token)
        chosen = desk.choices(form, reader)
        if request.headers.get("x-fragment") == "preview":
            # 200 with errors too: the script shows what the other choices bring, and leaves the fields alone.
            return desk.page(token, reader, sent=chosen, template="_preview")
        return desk.page(token, reader, sent=chosen, notice=_UNSAVED, status=422 if chosen.errors else 200)


def _add_way_back(routes: APIRouter, desk: _Desk) -> None:
    @routes.get("/{part}")
    def back(token: str, part: str) -> Response:
        """Where a form came back with errors, or a preview, its path stands in the address bar: enter leads here."""
        desk.reader(token)
        if part not in _PARTS:
            raise Problem(404)
        return RedirectResponse(f"/p/{token}", 303)


def _add_pause(routes: APIRouter, site: Site, desk: _Desk) -> None:
    @routes.post("/pause")
    def pause(request: Request, token: str, form: Form) -> Response:
        reader = desk.posting(request, token)
        asked = one(form, "until") or ""
        if asked not in _PAUSES:
            errors = {"until": "Choose one of the periods in the list."}
            return desk.page(token, reader, errors=errors, status=422)
        days = _PAUSES[asked]
        today = local_date(site.now(), reader.schedule.zone)
        until = None if days is None else today + dt.timedelta(days=days)
        site.app.signup.pause(reader, until=until, evidence=site.evidence(request, "mail"), now=site.now())
        return desk.done(token, "paused")

    @routes.post("/resume")
    def resume(request: Request, token: str) -> Response:
        reader = desk.posting(request, token)
        site.app.signup.resume(reader, evidence=site.evidence(request, "mail"), now=site.now())
        return desk.done(token, "resumed")


def _add_mails(routes: APIRouter, site: Site, desk: _Desk) -> None:
    @routes.post("/move")
    def move(request: Request, token: str, form: Form) -> Response:
        # It mails an address of anybody's: that counts as a sign-up.
        site.limits.hit(Rule.SIGN_UP, site.client(request))
        reader = desk.posting(request, token)
        address = one(form, "address") or ""
        wrong = address_error(address)
        if wrong is None and address_key(normalise(address)) == address_key(reader.address):
            wrong = "That is your address already."
        if wrong:
            return desk.page(token, reader, errors={"address": wrong}, new_address=address, status=422)
        evidence = site.evidence(request, "mail")
        site.app.signup.move(reader, address, evidence=evidence, now=site.now())
        return desk.done(token, "move")

    @routes.post("/data")
    def data(request: Request, token: str) -> Response:
        reader = desk.posting(request, token)
        site.app.signup.mail_data_links(reader, now=site.now())
        return desk.done(token, "data")


class _Desk:
    """Who sits before the page, and the page as they see it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._forms = FormViews(site.app.taxonomy)
        self._recent = Recent(site.app.taxonomy)
        self._previews = Previews()

    def reader(self, token: str) -> Subscriber:
        """Whose link this is.

        Raises:
            TokenError: It was revoked, as all are when a reader leaves, or never was one; they look alike.
        """
        subscriber_id, epoch = self._site.tokens.preferences(token)
        with self._site.app.database.read() as conn:
            found = subscribers.get(conn, subscriber_id)
        if found is None or found.epoch != epoch or found.state not in SUBSCRIBED:
            raise TokenError("this link does not work")
        return found

    def posting(self, request: Request, token: str) -> Subscriber:
        """The same, for what changes or computes something. Raises: Problem 429, TokenError."""
        self._site.limits.hit(Rule.POST, self._site.client(request))
        return self.reader(token)

    def choices(self, form: FormData, reader: Subscriber) -> Choices:
        return choices(
            form, topic_ids=self._site.app.topic_ids, profile=reader.profile, schedule=reader.schedule
        )

    def done(self, token: str, what: str, *, changed: bool = True) -> Response:
        """Back to the page. Raises: Problem 410, where the reader left in this very moment."""
        if not changed:
            raise Problem(410, "You have left", "This subscription has ended, so nothing was saved.")
        return RedirectResponse(f"/p/{token}?done={what}", 303)

    def page(
        self,
        token: str,
        reader: Subscriber,
        *,
        sent: Choices | None = None,
        errors: Mapping[str, str] | None = None,
        new_address: str = "",
        notice: str | None = None,
        template: str = "preferences",
        status: int = 200,
    ) -> HTMLResponse:
        """The page, with the choices as they stand, or as they were sent and are not saved."""
        form = self._forms.sent(sent) if sent else self._forms.standing(reader.profile, reader.schedule)
        form = replace(form, errors={**form.errors, **(errors or {})})
        tried = (sent.profile, sent.schedule) if sent else (reader.profile, reader.schedule)
        view = self._view(token, reader, form, *tried)
        view = replace(view, notice=notice, new_address=shown(new_address))
        return self._site.pages.answer(template, view, status=status)

    def _view(
        self, token: str, reader: Subscriber, form: FormView, profile: Profile, schedule: Schedule
    ) -> PreferencesView:
        database, now = self._site.app.database, self._site.now()
        with database.read() as conn:
            standing = subscribers.standing(conn, reader.id)
        return PreferencesView(
            address=reader.address,
            paused=reader.state is State.PAUSED,
            paused_until=plain_date(reader.paused_until) if reader.paused_until else None,
            form=form,
            preview=self._previews.of(lately(database, self._recent, profile, schedule, now=now)),
            next_due=_next_due(standing, now),
            notice=None,
            save=f"/p/{token}",
            try_out=f"/p/{token}/preview",
            pause=f"/p/{token}/pause",
            resume=f"/p/{token}/resume",
            move=f"/p/{token}/move",
            data=f"/p/{token}/data",
            leave=f"/u/{self._site.tokens.links.leave_token(reader.id)}",
        )


def _next_due(standing: Standing, now: dt.datetime) -> str | None:
    """When the next mail is due, in the reader's own time; None while they pause."""
    due_at = standing.due_at
    if due_at is None or standing.subscriber.state is not State.ACTIVE:
        return None
    if due_at <= now:
        return "as soon as there are papers for you"
    zone = standing.subscriber.schedule.zone
    there = due_at.astimezone(ZoneInfo(zone))
    told = f"{weekday_date(there.date())}, {there:%H:%M} ({zone.replace('_', ' ')})"
    late = (there.hour, there.minute) != (standing.subscriber.schedule.hour, 0)
    return f"{told}, as there are {REST // _HOUR} hours at least between two mails" if late else told

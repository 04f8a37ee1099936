"""The page behind the link of a confirmation mail: its button makes a subscription of a request."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from digest.errors import ExpiredTokenError
from digest.signup.moves import waits
from digest.store import subscribers
from digest.subscribers.subscriber import SUBSCRIBED, State
from digest.web.limits import Rule
from digest.web.problems import Problem
from digest.web.site import Site
from digest.web.views import ConfirmView, ExpiredView

#: Whose yes can be taken; of who subscribed already, once more, for a button may be pressed twice.
_OPEN = (State.PENDING, *SUBSCRIBED)


def router(site: Site) -> APIRouter:
    """The page, its button, and the offer of a new link where this one is too old."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/c/{token}")
    def show(token: str) -> HTMLResponse:
        try:
            subscriber_id, epoch = site.tokens.confirm(token)
        except ExpiredTokenError:
            return _expired(site, token)
        address, moves = _asked(site, subscriber_id, epoch)
        return site.pages.answer("confirm", ConfirmView(action=f"/c/{token}", address=address, moves=moves))

    @routes.post("/c/{token}")
    def confirm(request: Request, token: str) -> Response:
        site.limits.hit(Rule.POST, site.client(request))
        try:
            subscriber_id, epoch = site.tokens.confirm(token)
        except ExpiredTokenError:
            return _expired(site, token)
        evidence = site.evidence(request, "mail")
        confirmed = site.app.signup.confirm(subscriber_id, epoch=epoch, evidence=evidence, now=site.now())
        if confirmed is None:
            raise _gone()
        # The path alone: the reader stays on the host that they came to, which is one of ours.
        path = urlsplit(site.tokens.links.preferences(confirmed.id, confirmed.epoch)).path
        done = "confirmed" if confirmed.id == subscriber_id else "moved"
        return RedirectResponse(f"{path}?done={done}", 303)

    @routes.post("/c/{token}/again")
    def again(request: Request, token: str) -> HTMLResponse:
        site.limits.hit(Rule.POST, site.client(request))
        try:
            subscriber_id, _ = site.tokens.confirm(token)
        except ExpiredTokenError as error:
            subscriber_id = error.subscriber_id
        site.app.signup.renew(subscriber_id, evidence=site.evidence(request, "mail"), now=site.now())
        return site.pages.answer("expired", ExpiredView(action=None, asked=True))

    return routes


def _asked(site: Site, subscriber_id: int, epoch: int) -> tuple[str, bool]:
    """The address that would be confirmed, and whether a subscription moves to it.

    Raises:
        Problem: 410: nobody waits for this yes: they left or were erased since, or asked for another change.
    """
    with site.app.database.read() as conn:
        asked = subscribers.get(conn, subscriber_id)
        moved = subscribers.get(conn, asked.replaces) if asked and asked.replaces is not None else None
    if asked is None or asked.epoch != epoch:
        raise _gone()
    if asked.replaces is None:
        if asked.state not in _OPEN:
            raise _gone()
        return asked.address, False
    if moved is None or not waits(moved, asked):
        raise _gone()
    # The row that asked is blank once its yes was taken.
    return asked.address or moved.address, True


def _gone() -> Problem:
    return Problem(
        410,
        "There is nothing to confirm any more",
        "After this mail was sent you left, or asked for something else. To get the digest, enter your address anew.",
    )


def _expired(site: Site, token: str) -> HTMLResponse:
    """The same whoever they are by now: what is offered does nothing for who need not confirm any more."""
    return site.pages.answer("expired", ExpiredView(action=f"/c/{token}/again", asked=False), status=410)

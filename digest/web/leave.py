"""The page to leave by, and the one-click post of a mail program (RFC 8058): they work for ever, and again."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from digest.store import subscribers
from digest.subscribers.subscriber import State, Subscriber
from digest.web.limits import Rule
from digest.web.site import Site
from digest.web.views import LeaveView


def router(site: Site) -> APIRouter:
    """The page, and its two buttons. Leaving is not limited: who wants to go must never be held."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/u/{token}")
    def show(token: str) -> HTMLResponse:
        return _page(site, token, _subscriber(site, token))

    @routes.post("/u/{token}")
    def leave(request: Request, token: str) -> HTMLResponse:
        # The body is not read: a mail program sends List-Unsubscribe=One-Click in one form or another.
        subscriber = _subscriber(site, token)
        if subscriber is not None:
            site.app.signup.leave(subscriber, evidence=site.evidence(request, "mail"), now=site.now())
            subscriber = _subscriber(site, token)
        return _page(site, token, subscriber)

    @routes.post("/u/{token}/data")
    def data(request: Request, token: str) -> HTMLResponse:
        site.limits.hit(Rule.POST, site.client(request))
        subscriber = _subscriber(site, token)
        if subscriber is not None:
            site.app.signup.mail_data_links(subscriber, now=site.now())
        return _page(site, token, subscriber, asked=True)

    return routes


def _subscriber(site: Site, token: str) -> Subscriber | None:
    """Who leaves; None where nothing is known of them any more."""
    subscriber_id = site.tokens.leave(token)
    with site.app.database.read() as conn:
        return subscribers.get(conn, subscriber_id)


def _page(site: Site, token: str, subscriber: Subscriber | None, *, asked: bool = False) -> HTMLResponse:
    # No address here: the link works for ever, also in the mailbox that a subscription has moved away from.
    view = LeaveView(
        action=f"/u/{token}",
        data=f"/u/{token}/data",
        known=subscriber is not None and bool(subscriber.address),
        left=subscriber is None or subscriber.state is State.LEFT,
        asked=asked,
    )
    return site.pages.answer("leave", view)

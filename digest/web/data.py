"""The pages behind the links that open once: to take one's data away, and to have it erased."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from digest.compose.links import OneUse
from digest.errors import ExpiredTokenError
from digest.signup import steps
from digest.store import subscribers, uses
from digest.web.limits import Rule
from digest.web.problems import LinkGone
from digest.web.site import Site
from digest.web.views import DataView, ErasedView, ExpiredView

_DOWNLOAD = {"Content-Disposition": 'attachment; filename="digest-export.json"', "Cache-Control": "no-store"}


def router(site: Site) -> APIRouter:
    """Both pages and their buttons."""
    routes = APIRouter(include_in_schema=False)
    _add_export(routes, site)
    _add_erase(routes, site)
    return routes


def _add_export(routes: APIRouter, site: Site) -> None:
    @routes.get("/x/{token}")
    def show_export(token: str) -> HTMLResponse:
        try:
            return _page(site, f"/x/{token}", site.tokens.export(token), erase=False)
        except ExpiredTokenError:
            return _expired(site)

    @routes.post("/x/{token}")
    def export(request: Request, token: str) -> Response:
        site.limits.hit(Rule.POST, site.client(request))
        try:
            link = site.tokens.export(token)
        except ExpiredTokenError:
            return _expired(site)
        found = site.app.signup.export(
            link.subscriber_id, epoch=link.epoch, asked_s=link.asked_s, now=site.now()
        )
        if found is None:
            raise LinkGone
        return _download(found)


def _add_erase(routes: APIRouter, site: Site) -> None:
    @routes.get("/e/{token}")
    def show_erase(token: str) -> HTMLResponse:
        try:
            return _page(site, f"/e/{token}", site.tokens.erase(token), erase=True)
        except ExpiredTokenError:
            return _expired(site)

    @routes.post("/e/{token}")
    def erase(request: Request, token: str) -> HTMLResponse:
        site.limits.hit(Rule.POST, site.client(request))
        try:
            link = site.tokens.erase(token)
        except ExpiredTokenError:
            return _expired(site)
        erased = site.app.signup.erase_by_link(
            link.subscriber_id,
            epoch=link.epoch,
            asked_s=link.asked_s,
            evidence=site.evidence(request, "mail"),
            now=site.now(),
        )
        if not erased:
            raise LinkGone
        return site.pages.answer("erased", ErasedView())


def _page(site: Site, action: str, link: OneUse, *, erase: bool) -> HTMLResponse:
    """The page with the button. Raises: LinkGone, where it was pressed before, or the reader is gone."""
    with site.app.database.read() as conn:
        subscriber = subscribers.get(conn, link.subscriber_id)
        # Erasing raises the epoch, which uses up the link that did it.
        used = not erase and uses.taken(conn, "export", link.subscriber_id, link.asked_s)
    if used or subscriber is None or not steps.opens(subscriber, link.epoch):
        raise LinkGone
    return site.pages.answer("data", DataView(action=action, address=subscriber.address, erase=erase))


def _expired(site: Site) -> HTMLResponse:
    return site.pages.answer("expired", ExpiredView(action=None, asked=False), status=410)


def _download(found: dict[str, Any]) -> Response:
    body = json.dumps(found, ensure_ascii=False, indent=2) + "\n"
    return Response(body.encode(), headers=_DOWNLOAD, media_type="application/json")

"""POST /api/hooks/bounces: what a relay tells by HTTP of the mails that it took, signed with a secret that both have."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from digest.deliver.bounce import Bounce, BounceKind, one_line
from digest.pipeline.bounces import Event
from digest.web.limits import Rule
from digest.web.problems import Problem
from digest.web.site import Site

#: Under /api/, so that errors are JSON; it is no part of the public document, for only a relay calls it.
PATH = "/api/hooks/bounces"
STAMP, SIGNATURE = "x-digest-timestamp", "x-digest-signature"
#: How far the two clocks may lie apart, in seconds, and so how long a call can be replayed; it changes nothing then.
WINDOW_S = 300
_EVENTS = 1_000
_STAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v1=([0-9a-f]{64})")


class _Told(BaseModel):
    """One event, as it is sent."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["hard", "soft", "complaint", "blocked"]
    return_path: Annotated[str, Field(max_length=400)] | None = None
    message_id: Annotated[str, Field(max_length=400)] | None = None
    status: Annotated[str, Field(pattern=r"^[245]\.[0-9]{1,3}\.[0-9]{1,3}$")] | None = None
    detail: Annotated[str, Field(max_length=2_000)] = ""

    @model_validator(mode="after")
    def _names_a_mail(self) -> _Told:
        if self.return_path is None and self.message_id is None:
            raise ValueError("give message_id or return_path")
        return self

    def event(self) -> Event:
        bounce = Bounce(kind=BounceKind(self.type), status=self.status, detail=one_line(self.detail))
        return Event(bounce=bounce, return_path=self.return_path, message_id=self.message_id)


class _Call(BaseModel):
    events: Annotated[list[_Told], Field(max_length=_EVENTS)]


def router(site: Site) -> APIRouter:
    """The route; where no secret is set there is no such page."""
    routes = APIRouter(include_in_schema=False)
    secret = site.app.settings.bounces.webhook_secret

    @routes.post(PATH)
    async def bounces(request: Request) -> JSONResponse:
        # A coroutine, since the signature is over the body as it came; the work is done in a thread as everywhere.
        if secret is None:
            raise Problem(404)
        body = await request.body()
        if not _is_signed(request, body, secret, now_s=int(site.now().timestamp())):
            # A relay that has much to tell is not turned away: who may call is known by the signature.
            site.limits.hit(Rule.API, site.client(request))
            raise Problem(
                401, "Not signed", "The call is not signed, not with our secret, or not in these minutes."
            )
        return JSONResponse(await run_in_threadpool(_take, site, _read(body)))

    return routes


def sign(secret: bytes, stamp: str, body: bytes) -> str:
    """The value of the signature's header."""
    return "v1=" + hmac.new(secret, stamp.encode("ascii") + b"." + body, hashlib.sha256).hexdigest()


def _is_signed(request: Request, body: bytes, secret: bytes, *, now_s: int) -> bool:
    """Whether it is, rightly and not too long ago; which of these is wrong is told to nobody."""
    stamps, signatures = request.headers.getlist(STAMP), request.headers.getlist(SIGNATURE)
    stamp = stamps[0] if len(stamps) == 1 and _STAMP.fullmatch(stamps[0]) else ""
    given = signatures[0] if len(signatures) == 1 and _SIGNATURE.fullmatch(signatures[0]) else ""
    # Worked out for every call, so that how long it takes does not tell what is wrong with it.
    right = hmac.compare_digest(given, sign(secret, stamp, body))
    return right and stamp != "" and abs(now_s - int(stamp)) <= WINDOW_S


def _read(body: bytes) -> list[Event]:
    try:
        call = _Call.model_validate_json(body)
    except ValidationError as error:
        errors = [
            (".".join(map(str, each["loc"])), each["msg"]) for each in error.errors(include_input=False)
        ]
        raise Problem(422, errors=errors[:20]) from None
    return [told.event() for told in call.events]


def _take(site: Site, events: list[Event]) -> dict[str, int]:
    report = site.app.mailroom.take_events(events).document()
    known = {name: report[name] for name in ("hard", "soft", "complaint", "blocked", "known", "suppressed")}
    # Forged and of nothing that there is: who has the secret may know, but it is one answer all the same.
    return {"events": len(events), **known, "unknown": report["unknown"] + report["forged"]}

"""What every route is given: the program, the pages, the limits, and who is asking."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request

from digest.compose.links import Links, OneUse
from digest.errors import ExpiredTokenError, TokenError
from digest.settings import packaged
from digest.subscribers.consent import Evidence, Method
from digest.web.clients import client
from digest.web.limits import Limits
from digest.web.pages import Pages
from digest.wiring import App

_Read = TypeVar("_Read")


class Tokens:
    """Reads the tokens of links, by the keys that stand in the database now.

    A key that was added while this process runs (`digest links rotate`) is found at the first token that it signed.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self.links = self._load()

    def leave(self, token: str) -> int:
        """Who leaves. Raises: TokenError."""
        return self._read(lambda links: links.read_leave(token))

    def preferences(self, token: str) -> tuple[int, int]:
        """Subscriber and epoch. Raises: TokenError."""
        return self._read(lambda links: links.read_preferences(token))

    def confirm(self, token: str) -> tuple[int, int]:
        """Subscriber and epoch. Raises: ExpiredTokenError, or another TokenError."""
        now = self._app.clock()
        return self._read(lambda links: links.read_confirm(token, now))

    def export(self, token: str) -> OneUse:
        """Whose data. Raises: ExpiredTokenError, or another TokenError."""
        now = self._app.clock()
        return self._read(lambda links: links.read_export(token, now))

    def erase(self, token: str) -> OneUse:
        """Who is to be erased. Raises: ExpiredTokenError, or another TokenError."""
        now = self._app.clock()
        return self._read(lambda links: links.read_erase(token, now))

    def _read(self, read: Callable[[Links], _Read]) -> _Read:
        try:
            return read(self.links)
        except ExpiredTokenError:
            raise
        except TokenError:
            self.links = self._load()
            return read(self.links)

    def _load(self) -> Links:
        return Links(self._app.links.base_url, self._app.link_keys())


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The edge that all routes share."""

    app: App
    pages: Pages
    limits: Limits
    tokens: Tokens

    @classmethod
    def of(cls, app: App) -> Site:
        """The site of a program, with its templates compiled and its keys read."""
        web, mail = app.settings.web, app.settings.mail
        folder = web.templates or packaged("templates") / "web"
        return cls(
            app=app,
            pages=Pages(folder, product=mail.name, postal_address=mail.postal_address),
            limits=Limits.of(web),
            tokens=Tokens(app),
        )

    def now(self) -> dt.datetime:
        return self.app.clock()

    def client(self, request: Request) -> str:
        """The address of who asks; see `clients`."""
        peer = request.client.host if request.client else None
        forwarded = request.headers.getlist("x-forwarded-for")
        return client(peer, forwarded, self.app.settings.web.trusted)

    def evidence(self, request: Request, method: Method = "web") -> Evidence:
        """How a step was asked for, for the consent record."""
        return Evidence(method=method, ip=self.client(request))

"""Readers before the pages: their links as paths, what the database holds, and what was mailed to them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from httpx2 import Response
from starlette.testclient import TestClient

from digest.deliver.delivery import Kind
from digest.store import ledger, subscribers
from digest.store.database import Database
from digest.store.schema import metadata
from digest.subscribers.subscriber import Profile, Schedule, State, Subscriber
from digest.wiring import App
from tests.factories import Clock, add_subscriber, make_app

Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One site, a client of it, and short ways to what tests ask for."""

    app: App
    client: TestClient
    clock: Clock

    @property
    def database(self) -> Database:
        return self.app.database

    def add(
        self,
        address: str = "ada@example.org",
        *,
        state: State = State.ACTIVE,
        profile: Profile | None = None,
        schedule: Schedule | None = None,
    ) -> Subscriber:
        with self.database.write() as conn:
            return add_subscriber(
                conn, address, state=state, profile=profile, schedule=schedule, now=self.clock.now
            )

    def subscriber(self, subscriber_id: int) -> Subscriber:
        """A subscriber as they stand now."""
        with self.database.read() as conn:
            found = subscribers.get(conn, subscriber_id)
        assert found is not None
        return found

    def find(self, address: str) -> Subscriber | None:
        with self.database.read() as conn:
            return subscribers.find(conn, address)

    def kinds(self, subscriber_id: int) -> list[Kind]:
        """The kinds of the mails that were planned for a subscriber, digests aside."""
        with self.database.read() as conn:
            return [
                entry.kind for entry in ledger.history(conn, subscriber_id) if entry.kind is not Kind.DIGEST
            ]

    def preferences(self, who: Subscriber) -> str:
        return path(self.app.links.preferences(who.id, who.epoch))

    def confirm(self, who: Subscriber) -> str:
        return path(self.app.links.confirm(who.id, who.epoch, self.clock.now))

    def leave(self, who: Subscriber) -> str:
        return path(self.app.links.leave(who.id))

    def export(self, who: Subscriber) -> str:
        return path(self.app.links.export(who.id, who.epoch, self.clock.now))

    def erase(self, who: Subscriber) -> str:
        return path(self.app.links.erase(who.id, who.epoch, self.clock.now))

    def rows(self) -> Rows:
        """Every row of every table."""
        with self.database.read() as conn:
            return {
                table.name: sorted(map(tuple, conn.execute(sa.select(table))), key=repr)
                for table in metadata.sorted_tables
            }


def make_desk(
    database: Database, folder: Path, clock: Clock, browse: Callable[[App], TestClient], **sections: Any
) -> Desk:
    """A site over a database; `sections` are settings."""
    app = make_app(database, folder, clock=clock, **sections)
    return Desk(app=app, client=browse(app), clock=clock)


def path(url: str) -> str:
    return urlsplit(url).path


def told(answer: Response) -> tuple[int, list[tuple[str, str]], bytes]:
    """All that a client can tell of an answer, but for when it came."""
    headers = sorted((name, value) for name, value in answer.headers.items() if name.lower() != "date")
    return answer.status_code, headers, answer.content


def errors(answer: Response) -> dict[str, str]:
    """The errors of a page, by the id that each stands under, less its ending."""
    found = re.findall(r'<p class="error" role="alert" id="([\w-]+)-error">(.*?)</p>', answer.text)
    return {name: unescape(text) for name, text in found}


def chosen(answer: Response, name: str) -> list[str]:
    """The values of a form's fields of one name, as a browser would send them back."""
    html = answer.text
    area = re.search(rf'<textarea id="{name}"[^>]*>\n?(.*?)</textarea>', html, re.DOTALL)
    if area:
        return [unescape(area[1])]
    select = re.search(rf'<select id="{name}".*?</select>', html, re.DOTALL)
    if select:
        return [unescape(value) for value in re.findall(r'value="([^"]*)" selected', select[0])]
    ticked = re.findall(rf'name="{name}" value="([^"]*)" checked', html)
    typed = re.findall(rf'<input id="{name}"[^>]* value="([^"]*)"', html)
    return [unescape(value) for value in ticked + typed]

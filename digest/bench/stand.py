"""One engine's installation for the bench of the pages: what is posted to it, and whether all of it was kept."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

from digest.bench import load
from digest.bench.load import Load
from digest.bench.sink import BenchError
from digest.bench.sites import Site
from digest.store import subscribers
from digest.subscribers.subscriber import State

#: Readers whose preferences each connection saves in turn: no two connections save those of one.
READERS = 4
#: Threads that commit one row after another, as many as work on the pages.
WRITERS = 12
#: Where the pages send a browser after a form that was taken.
_TAKEN = 303
_Choices = dict[str, str | list[str]]
_CHOICES: _Choices = {
    "include": "",
    "exclude": "crypto",
    "frequency": "daily",
    "weekday": "mon",
    "hour": "7",
    "zone": "Europe/Berlin",
    "cap": "10",
}


class Stand:
    """An installation whose pages are served by a process of their own.

    Args:
        site: With `READERS` readers for each connection.
        connections: To the pages, at once.
    """

    def __init__(self, site: Site, *, connections: int) -> None:
        self.site = site
        self.addresses: set[str] = set()  #: that signed up
        self.answers: Counter[int] = Counter()  #: to sign-ups and saves, by status
        self._connections = connections
        self._saved: dict[int, str] = {}  # what each reader chose last
        self._choices = _CHOICES | {"topics": [topic.id for topic in site.app.taxonomy.topics[:3]]}
        with site.app.database.write() as conn:
            conn.exec_driver_sql("CREATE TABLE bench_rows (address TEXT NOT NULL)")

    def commits(self, count: int) -> None:
        """Commit so many rows, one each, with nothing else to do."""
        shares = [len(range(place, count, WRITERS)) for place in range(WRITERS)]
        threads = [threading.Thread(target=self._commit, args=(share,)) for share in shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _commit(self, count: int) -> None:
        for _ in range(count):
            with self.site.app.database.write() as conn:
                conn.exec_driver_sql("INSERT INTO bench_rows VALUES ('reader@example.org')")

    def sign_up(self, port: int, count: int, *, trap: bool = False) -> Load:
        """Sign up so many new addresses.

        Args:
            port: Of the pages.
            count: Of all connections together.
            trap: Fill in the field that only programs see, so that the pages do all but keep it.
        """
        first = len(self.addresses)
        streams = [
            self._sign_ups(range(first + place, first + count, self._connections), trap=trap)
            for place in range(self._connections)
        ]
        return self._noted(load.send(port, streams))

    def sign_up_until(self, port: int, done: threading.Event) -> Load:
        """Sign up new addresses until told to stop."""
        first = len(self.addresses)

        def numbers(place: int) -> Iterator[int]:
            number = first + place
            while not done.is_set():
                yield number
                number += self._connections

        streams = [self._sign_ups(numbers(place), trap=False) for place in range(self._connections)]
        return self._noted(load.send(port, streams))

    def save(self, port: int, count: int) -> Load:
        """Save other preferences so many times."""
        first = sum(self.answers.values())  # no two saves are alike
        streams = [
            self._saves(place, range(first + place, first + count, self._connections))
            for place in range(self._connections)
        ]
        return self._noted(load.send(port, streams))

    def _sign_ups(self, numbers: Iterator[int] | range, *, trap: bool) -> Iterator[bytes]:
        for number in numbers:
            address = f"{'trapped' if trap else 'new'}{number}@example.org"
            if not trap:
                self.addresses.add(address)
            website = "https://example.org" if trap else ""
            fields: _Choices = {"address": address, "interests": "graph learning", "website": website}
            yield load.form("/subscribe", self._choices | fields)

    def _saves(self, place: int, numbers: range) -> Iterator[bytes]:
        readers = self.site.readers[place * READERS : (place + 1) * READERS]
        paths = [urlsplit(self.site.app.links.preferences(reader, 0)).path for reader in readers]
        for turn, number in enumerate(numbers):
            self._saved[readers[turn % READERS]] = f"reading number {number}"
            fields: _Choices = {"interests": f"reading number {number}"}
            yield load.form(paths[turn % READERS], self._choices | fields)

    def _noted(self, found: Load) -> Load:
        self.answers.update(found.answers)
        return found

    # -- checks ----------------------------------------------------------------------------------------

    def check_kept(self) -> None:
        """Hold that every form was taken, and that all and nothing else is in the database.

        Raises:
            BenchError: It is not so.
        """
        if set(self.answers) - {_TAKEN}:
            raise BenchError(f"the pages did not take every form; answers by status: {dict(self.answers)}")
        with self.site.app.database.read() as conn:
            pending = [each.address for each in subscribers.every(conn, state=State.PENDING)]
            chosen = {reader: subscribers.get(conn, reader) for reader in self._saved}
        if len(pending) != len(self.addresses) or set(pending) != self.addresses:
            raise BenchError(f"{len(self.addresses)} signed up, {len(pending)} are pending")
        kept = {
            reader: " ".join(found.profile.interests) if found else None for reader, found in chosen.items()
        }
        lost = sum(kept[reader] != text for reader, text in self._saved.items())
        if lost:
            raise BenchError(
                f"of {len(kept)} readers {lost} do not have the preferences that they saved last"
            )

    def check_mailed(self, mails: Counter[str]) -> None:
        """Deliver, and hold that everyone who signed up was mailed once, and nobody else.

        Raises:
            BenchError: It is not so.
        """
        self.site.deliver()
        if mails != Counter(self.addresses):
            raise BenchError(f"{len(self.addresses)} signed up, {mails.total()} mails to {len(mails)} came")

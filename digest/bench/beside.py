"""Sign-ups while digests are delivered, on SQLite and by one `digest serve`: does anyone wait, is anything lost?"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from digest.bench import servers, sites
from digest.bench.load import Load
from digest.bench.sink import BenchError, sink
from digest.bench.sites import FIRST_DAY, Site
from digest.bench.stand import Stand
from digest.deliver.delivery import Status

#: Seconds between two looks into the ledger.
_LOOK_S = 0.05
#: Longest time until all is mailed, in seconds.
_MOST_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What was found; that nothing was lost is certain by then."""

    digests: int
    load: Load  #: sign-ups, from the start of the process to its last digest


def beside_delivery(folder: Path, *, digests: int, connections: int) -> Beside:
    """Deliver so many digests to smtp-sink, and sign up new addresses until the last is sent.

    Raises:
        BenchError: smtp-sink is not there, a form was not taken, or a row or a mail is missing.
    """
    with sink() as port:
        site = sites.build(folder, port=port, readers=digests, connections=8)
        site.plan(FIRST_DAY)
        stand = Stand(site, connections=connections)
        with servers.pages("serve", site.app.settings) as pages:
            load = _sign_up(stand, pages, digests)
            _await_sent(site, digests + len(stand.addresses))
        stand.check_kept()
        _check_ledger(site, digests + len(stand.addresses))
        site.app.database.close()
    return Beside(digests=digests, load=load)


def _sign_up(stand: Stand, port: int, digests: int) -> Load:
    delivered = threading.Event()

    def watch() -> None:
        try:
            _await_sent(stand.site, digests)  # they were planned first, and so they are sent first
        finally:
            delivered.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        return stand.sign_up_until(port, delivered)
    finally:
        watcher.join()


def _await_sent(site: Site, count: int) -> None:
    until = time.monotonic() + _MOST_S
    while site.balance().statuses[Status.SENT] < count and time.monotonic() < until:
        time.sleep(_LOOK_S)


def _check_ledger(site: Site, count: int) -> None:
    balance = site.balance()
    if balance.difference or balance.statuses[Status.SENT] != count:
        raise BenchError(f"{count} mails were due; the ledger: {balance}")

"""GET /metrics: what a watcher scrapes, in the text of Prometheus. No address and no token is in it.

Everything is read from the store when it is asked for: the scheduler may be another process, and there is nothing that
this one would have to count.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterator, Mapping, Sequence

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector
from starlette.requests import Request

from digest.pipeline.health import SourceHealth
from digest.store import alarms, bounces, editions, ledger, papers, subscribers
from digest.web.clients import client
from digest.web.problems import Problem
from digest.web.site import Site
from digest.wiring import App

#: What a proxy says of who asks. By the word of one that is not ours they came from the proxy's own machine.
_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip")


def router(site: Site) -> APIRouter:
    """The route; all but the watchers of `web.metrics_from` are told that there is none."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/metrics")
    def metrics(request: Request) -> Response:
        if not _is_watcher(site, request):
            raise Problem(404)
        # A registry of its own: that of the library would add what the process is, and be shared by all tests.
        registry = CollectorRegistry(auto_describe=False)
        registry.register(StoreCollector(site.app))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return routes


class StoreCollector(Collector):
    """Reads the store when it is asked."""

    def __init__(self, app: App) -> None:
        self._app = app

    def describe(self) -> Sequence[Metric]:
        """Nothing: or registering would read the store."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All metrics, from one look at the sources and one at the rest."""
        seen = self._app.look_out()
        yield from _of_sources(seen.health)
        yield _gauge(
            "digest_edition_held", "Whether the day's edition waits for a source.", bool(seen.held_until)
        )
        with self._app.database.read() as conn:
            newest = editions.newest(conn)
            standing = alarms.standing(conn)
            total = papers.total(conn)
            people = subscribers.counts(conn)
            balance = ledger.balance(conn)
            came = {str(kind): number for kind, number in bounces.counts(conn).items()}
        if newest is not None:
            says = "When the newest edition was published."
            yield _gauge("digest_edition_last_published_timestamp_seconds", says, _stamp(newest.published_at))
        family = GaugeMetricFamily("digest_alarm", "Alarms that stand.", labels=["name", "about"])
        for each in standing:
            family.add_metric([str(each.alarm.name), each.alarm.about], 1)
        yield family
        yield _gauge("digest_papers", "Papers that are shown.", total)
        deliveries = {str(status): number for status, number in balance.statuses.items()}
        yield _by("digest_deliveries", "Mails by what became of them.", "status", deliveries)
        yield _by("digest_bounces", "What came back for mails, by kind.", "kind", came)
        states = {str(state): number for state, number in people.items()}
        yield _by("digest_subscribers", "Subscribers by state.", "state", states)
        yield _gauge(
            "digest_ledger_balance", "Mails counted as planned, less those in the ledger.", balance.difference
        )


def _of_sources(health: Sequence[SourceHealth]) -> Iterator[Metric]:
    success = {each.name: _stamp(each.last_success_at) for each in health if each.last_success_at}
    normal = {each.name: each.normal for each in health if each.normal is not None}
    name = "digest_source_last_success_timestamp_seconds"
    yield _by(name, "When the source last answered, or a dump of the folder was read.", "source", success)
    papers_of = {each.name: each.papers for each in health}
    yield _by("digest_source_papers", "Distinct papers that the source listed today.", "source", papers_of)
    says = "Papers that it lists on such a day; absent where that is not known."
    yield _by("digest_source_papers_normal", says, "source", normal)
    short = {each.name: each.short for each in health}
    yield _by("digest_source_short", "Whether it listed under a fifth of that.", "source", short)
    failures = {each.name: each.failures for each in health}
    yield _by("digest_source_failures", "Looks that failed in a row.", "source", failures)


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(name, says, value=float(value))


def _by(name: str, says: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, says, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family


def _stamp(at: dt.datetime) -> float:
    return at.timestamp()


def _is_watcher(site: Site, request: Request) -> bool:
    asks = site.client(request)
    peer = client(request.client.host if request.client else None, (), ())
    through_a_stranger = asks == peer and any(header in request.headers for header in _FORWARDED)
    address = ipaddress.ip_address(asks)
    return not through_a_stranger and any(address in network for network in site.app.settings.web.watchers)

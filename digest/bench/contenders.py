"""Who hands messages to the sink, each by its name: what it needs beforehand, and its messages per second."""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Collection
from pathlib import Path

from digest.bench import floor, nodemailer, signed
from digest.bench.clock import rate_of
from digest.bench.deliverer import deliver
from digest.bench.plain import PlainPipeline
from digest.bench.signed import SignedPipeline
from digest.bench.sink import HOST, BenchError, program
from digest.bench.sites import FIRST_DAY, Site
from digest.compose.message import Message
from digest.deliver.delivery import Delivery, Status
from digest.settings import packaged

FLOOR, FLOOR_PLAIN = "floor", "floor_plain"
RSA, PLAIN = "ours_rsa", "plain"
PIPELINE, SIGNED, NODEMAILER = "a", "b", "nodemailer"
SOURCE = "smtp_source"
_TEMPLATES = packaged("templates") / "email"
#: In the order of a round, and as they are called.
CONTENDERS = {
    FLOOR: "the floor: ready bytes, hashed, signed and sent",
    RSA: "ours, RSA-2048, ledger included",
    FLOOR_PLAIN: "the floor without hash and signature",
    PLAIN: "ours without DKIM, ledger included",
    SOURCE: "Postfix's smtp-source -d -s 4",
    PIPELINE: "a: the plain pipeline, no DKIM, no ledger",
    SIGNED: "b: the same, dkimpy RSA-2048, a commit a mail",
    NODEMAILER: "nodemailer pooled, juice, DKIM RSA-2048",
}
#: Messages that the floor keeps ready and sends again and again: all of them would be a gigabyte.
READY = 256
_SOURCE_CONNECTIONS = 4
#: The part of a round's messages that each number of connections is tried with, to find what is best for the floor.
_TRIED = 4


def missing(node_modules: Path | None) -> dict[str, str]:
    """What cannot be measured here, and why."""
    reasons = {
        SOURCE: None if program("smtp-source") else "smtp-source is not installed (Debian package postfix)",
        SIGNED: signed.missing(),
        NODEMAILER: nodemailer.missing(node_modules),
    }
    return {name: reason for name, reason in reasons.items() if reason is not None}


class Stand:
    """All of them, ready to be measured again and again.

    Attributes:
        message_bytes: Median of the messages, without a signature.
        floor_connections: By name of the floor, how many connections are best for it.
        peak_rss_bytes: Of the processes that delivered so far, the highest; None before the first.
    """

    def __init__(
        self, site: Site, *, port: int, folder: Path, pipeline_mails: int, node_modules: Path | None
    ) -> None:
        self._site, self._port, self._folder = site, port, folder
        self._node_modules = node_modules
        self._day, self._sent = FIRST_DAY, 0
        self._ready, self._digests = self._composed(pipeline_mails)
        self._finishes = {FLOOR: floor.signing(site.key_pem), FLOOR_PLAIN: floor.as_it_is}
        self._plain = PlainPipeline(site, _TEMPLATES)
        self._signed = (
            SignedPipeline(site, _TEMPLATES, ledger=folder / "b.db") if not signed.missing() else None
        )
        self.message_bytes = int(statistics.median(len(message.data) for message in self._ready))
        self.floor_connections: dict[str, int] = {}
        self.peak_rss_bytes: int | None = None

    def _composed(self, pipeline_mails: int) -> tuple[list[Message], list[Delivery]]:
        """Plan what is composed and mailed in every round, and deliver it once, so that no round meets it open."""
        self._site.plan(self._day, count=max(READY, pipeline_mails))
        digests = self._site.planned(self._day, max(READY, pipeline_mails))
        ready = self._site.ready(self._day, READY)
        self._sent += len(digests)
        self._site.deliver()
        return ready, digests[:pipeline_mails]

    def settle(self, names: Collection[str]) -> None:
        """Find out how many connections are best for the floors among these names."""
        finishes = {name: finish for name, finish in self._finishes.items() if name in names}
        tried = max(1, len(self._site.readers) // _TRIED)
        self.floor_connections = floor.fastest(self._port, self._ready, tried, finishes)

    def rate(self, name: str) -> float:
        """Measure one of them; returns messages per second.

        Raises:
            BenchError: A message was not taken, or the ledger does not say that all were sent.
        """
        if name in self._finishes:
            return self._floor(name)
        measure = {
            RSA: self._ours_signed,
            PLAIN: self._ours_plain,
            SOURCE: self._smtp_source,
            PIPELINE: self._pipeline,
            SIGNED: self._signed_pipeline,
            NODEMAILER: self._nodemailer,
        }
        return measure[name]()

    def close(self) -> None:
        """Let go of the databases."""
        self._site.app.database.close()
        if self._signed is not None:
            self._signed.close()

    def _floor(self, name: str) -> float:
        messages, connections = len(self._site.readers), self.floor_connections[name]
        finish = self._finishes[name]
        return rate_of(messages, lambda: floor.send(self._port, self._ready, messages, connections, finish))

    def _ours_signed(self) -> float:
        return self._ours(signed=True)

    def _ours_plain(self) -> float:
        return self._ours(signed=False)

    def _ours(self, *, signed: bool) -> float:
        """Plan another day, and deliver it in a process of its own, which the ledger has to bear out."""
        self._day += dt.timedelta(days=1)
        self._site.plan(self._day, signed=signed)
        done = deliver(self._site.app.settings, messages=len(self._site.readers))
        self._sent += done.sent
        check(self._site, sent=self._sent)
        self.peak_rss_bytes = max(self.peak_rss_bytes or 0, done.peak_rss_bytes)
        return done.rate

    def _smtp_source(self) -> float:
        found, messages = program("smtp-source"), len(self._site.readers)
        assert found is not None
        return rate_of(
            messages,
            lambda: floor.smtp_source(found, self._port, messages, _SOURCE_CONNECTIONS, self.message_bytes),
        )

    def _pipeline(self) -> float:
        return rate_of(
            len(self._digests), lambda: self._plain.send(self._digests, host=HOST, port=self._port)
        )

    def _signed_pipeline(self) -> float:
        pipeline, digests = self._signed, self._digests
        assert pipeline is not None
        before = pipeline.sent()
        rate = rate_of(len(digests), lambda: pipeline.send(digests, host=HOST, port=self._port))
        if pipeline.sent() != before + len(digests):
            raise BenchError(f"{SIGNED} put down {pipeline.sent() - before} of {len(digests)} mails")
        return rate

    def _nodemailer(self) -> float:
        assert self._node_modules is not None
        return nodemailer.rate(
            self._plain,
            self._digests,
            key_pem=self._site.key_pem,
            modules=self._node_modules,
            port=self._port,
            folder=self._folder,
        )


def check(site: Site, *, sent: int) -> None:
    """A rate counts only if the ledger says that every digest so far was sent."""
    balance = site.balance()
    found = balance.statuses[Status.SENT]
    if balance.difference or found != sent:
        raise BenchError(f"of {sent} digests {found} were sent; the ledger: {balance}")

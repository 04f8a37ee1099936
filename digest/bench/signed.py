"""The plain pipeline as one would run it: each mail signed by dkimpy, and put down as sent before the next."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import sqlalchemy as sa

from digest.bench.plain import TIMEOUT_S, PlainPipeline
from digest.bench.sites import DOMAIN, SELECTOR, Site
from digest.deliver.delivery import Delivery

#: As many as ours signs of those that the plain pipeline writes.
_HEADERS = [b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type"]


_TABLES = sa.MetaData()
_SENT = sa.Table(
    "sent",
    _TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("message_id", sa.Text, nullable=False),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("sent_at", sa.DateTime, nullable=False),
)


def missing() -> str | None:
    """Why it cannot be measured, or None."""
    return None if find_spec("dkim") else "dkimpy is not installed: it comes with the extra `test`"


class SignedPipeline(PlainPipeline):
    """Adds an RSA signature (relaxed/simple) by dkimpy and a row by SQLAlchemy, committed for each mail."""

    def __init__(self, site: Site, templates: Path, *, ledger: Path) -> None:
        """Make the ledger where there is none: a SQLite file as ours, in WAL with `synchronous=FULL`."""
        super().__init__(site, templates)
        self._dkim = import_module("dkim")  # here, for it is installed with the tests alone
        self._engine = sa.create_engine(f"sqlite:///{ledger}")
        sa.event.listen(self._engine, "connect", _durable)
        _TABLES.create_all(self._engine)

    def send(self, digests: Sequence[Delivery], *, host: str, port: int) -> None:
        with smtplib.SMTP(host, port, timeout=TIMEOUT_S) as server:
            for digest in digests:
                server.sendmail(self._site.app.sender.address, [digest.recipient], self.signed(digest))
                self._put_down(digest)

    def _put_down(self, digest: Delivery) -> None:
        with self._engine.begin() as conn:
            now = self._site.app.clock()
            row = {"message_id": digest.message_id, "recipient": digest.recipient, "sent_at": now}
            conn.execute(sa.insert(_SENT), row)

    def signed(self, digest: Delivery) -> bytes:
        """Compose and sign one mail."""
        data = self.message(digest).as_bytes()
        signature: bytes = self._dkim.sign(
            data,
            SELECTOR.encode(),
            DOMAIN.encode(),
            self._site.key_pem,
            canonicalize=(b"relaxed", b"simple"),
            include_headers=_HEADERS,
        )
        return signature + data

    def sent(self) -> int:
        """How many mails the ledger says were sent."""
        with self._engine.connect() as conn:
            return conn.scalar(sa.select(sa.func.count()).select_from(_SENT)) or 0

    def close(self) -> None:
        self._engine.dispose()


def _durable(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.cursor().execute(f"PRAGMA {pragma}")

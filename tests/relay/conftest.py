"""Certificates, made anew for each run."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme


@dataclass(frozen=True)
class Tls:
    """A certificate authority, and servers with good and bad certificates of it."""

    ca_file: Path
    good: ssl.SSLContext  #: for 127.0.0.1
    wrong_host: ssl.SSLContext
    expired: ssl.SSLContext
    stranger: ssl.SSLContext  #: of an authority that nobody trusts


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    """Certificates for 127.0.0.1, for another host, of yesterday, and of a stranger."""
    ca = trustme.CA()
    with ca.cert_pem.tempfile(dir=str(tmp_path_factory.mktemp("tls"))) as ca_file:
        yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
        yield Tls(
            ca_file=Path(ca_file),
            good=_server(ca.issue_cert("127.0.0.1")),
            wrong_host=_server(ca.issue_cert("mail.example.org")),
            expired=_server(ca.issue_cert("127.0.0.1", not_after=yesterday)),
            stranger=_server(trustme.CA().issue_cert("127.0.0.1")),
        )


def _server(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context

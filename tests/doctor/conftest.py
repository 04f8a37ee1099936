"""A DNS server, a resolver that asks it, and certificates."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from digest.doctor.resolver import Resolver
from tests.dns_server import DnsServer
from tests.relay.conftest import tls  # noqa: F401 - a fixture


@pytest.fixture
def server() -> Iterator[DnsServer]:
    """It knows nothing yet."""
    with DnsServer({}) as running:
        yield running


@pytest.fixture
def dns(server: DnsServer) -> Resolver:
    return Resolver([("127.0.0.1", server.port)], timeout_s=5)

"""DMARC of a domain, over a real DNS server."""

from __future__ import annotations

import pytest

from digest.deliver import dmarc
from digest.doctor.resolver import Resolver
from tests.dns_server import DnsServer


@pytest.mark.parametrize(
    ("zone", "signed", "state", "says"),
    [
        ({}, True, "failed", "there is no record at _dmarc.news.example.org"),
        ({"_dmarc.news.example.org": ["words"]}, True, "failed", "there is no record"),
        ({"_dmarc.news.example.org": ["v=DMARC1; p=none"]}, True, "ok", "p=none: receivers report"),
        ({"_dmarc.news.example.org": ["v=DMARC1;p=quarantine;"]}, True, "ok", "put aside"),
        ({"_dmarc.news.example.org": ["v = DMARC1; p = REJECT; sp=none"]}, True, "ok", "refused"),
        ({"_dmarc.example.org": ["v=DMARC1; p=reject; sp=none"]}, True, "ok", "_dmarc.example.org: p=none"),
        ({"_dmarc.example.org": ["v=DMARC1; p=reject"]}, True, "ok", "_dmarc.example.org: p=reject"),
        (
            {"_dmarc.news.example.org": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]},
            True,
            "failed",
            "2 records",
        ),
        ({"_dmarc.news.example.org": ["v=DMARC1; p=none; p=reject"]}, True, "failed", "p stands there twice"),
        ({"_dmarc.news.example.org": ["v=DMARC1; what"]}, True, "failed", "'what' is no tag=value"),
        (
            {"_dmarc.news.example.org": ["v=DMARC1; rua=mailto:a@example.org"]},
            True,
            "failed",
            "p=, which is no",
        ),
        ({"_dmarc.news.example.org": ["v=DMARC1; p=maybe"]}, True, "failed", "p=maybe, which is no policy"),
        ({"_dmarc.news.example.org": ["v=DMARC1; p=none; adkim=s"]}, True, "ok", "the very domain of From"),
        (
            {"_dmarc.news.example.org": ["v=DMARC1; p=none"]},
            False,
            "ok",
            "by SPF, or by the relay's signature",
        ),
        ({"_dmarc.news.example.org": ["v=DMARC1; p=none; adkim=s"]}, False, "warning", "and the relay signs"),
    ],
)
def test_records(zone: dict[str, list[str]], signed: bool, state: str, says: str) -> None:
    """One record with a policy is well, at the domain or above it; all else is told with what to write."""
    with DnsServer({(name, "TXT"): texts for name, texts in zone.items()}) as server:
        dns = Resolver([("127.0.0.1", server.port)], timeout_s=5)
        found = dmarc.judge(dns, "news.example.org", bounces_to="news.example.org", signed_here=signed)
    assert (found.check, found.state) == ("DMARC", state)
    assert says in found.says
    assert bool(found.todo) == (state != "ok")


def test_never_as_far_up_as_everybody() -> None:
    """A record is looked for down to two labels: `org` has no say."""
    with DnsServer({}) as server:
        dmarc.judge(
            Resolver([("127.0.0.1", server.port)], timeout_s=5),
            "a.b.example.org",
            bounces_to="x",
            signed_here=True,
        )
        dmarc.judge(
            Resolver([("127.0.0.1", server.port)], timeout_s=5), "localhost", bounces_to="x", signed_here=True
        )
        names = [name for name, _ in server.asked]
    assert names == [
        f"_dmarc.{name}" for name in ("a.b.example.org", "b.example.org", "example.org", "localhost")
    ]


@pytest.mark.parametrize(
    ("bounces_to", "aspf", "state"),
    [
        ("example.org", "r", "ok"),
        ("bounces.example.org", "r", "ok"),
        ("bounces.example.org", "s", "warning"),
        ("example.org", "s", "ok"),
        ("badexample.org", "r", "warning"),
        ("example.net", "r", "warning"),
    ],
)
def test_return_paths_elsewhere(bounces_to: str, aspf: str, state: str) -> None:
    """SPF counts where return paths are of the domain of From, or below or above it; our own signature always does."""
    with DnsServer({("_dmarc.example.org", "TXT"): [f"v=DMARC1; p=none; aspf={aspf}"]}) as server:
        dns = Resolver([("127.0.0.1", server.port)], timeout_s=5)
        found = dmarc.judge(dns, "example.org", bounces_to=bounces_to, signed_here=False)
        signed = dmarc.judge(dns, "example.org", bounces_to=bounces_to, signed_here=True)
    assert (found.state, signed.state) == (state, "ok")
    assert (f"SPF is asked about {bounces_to}" in found.says) == (state == "warning")

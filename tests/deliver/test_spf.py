"""SPF as a receiver reads it, over a real DNS server."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.deliver import spf
from digest.deliver.finding import State
from digest.deliver.spf import SpfError
from digest.doctor.resolver import Resolver
from tests.dns_server import DnsServer

ME = ipaddress.ip_address("203.0.113.7")
ME6 = ipaddress.ip_address("2001:db8::7")
STRANGER = ipaddress.ip_address("198.51.100.1")


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer({}) as running:
        yield running


@pytest.fixture
def dns(server: DnsServer) -> Resolver:
    return Resolver([("127.0.0.1", server.port)], timeout_s=5)


def zone_of(texts: Mapping[str, str]) -> dict[tuple[str, str], list[str]]:
    """SPF records by name, and some hosts that they speak of."""
    return {
        **{(name, "TXT"): [text] for name, text in texts.items()},
        ("example.org", "A"): ["203.0.113.7"],
        ("example.org", "MX"): ["10 mx1.example.org.", "5 mx2.example.org."],
        ("mx1.example.org", "A"): ["203.0.113.7"],
        ("mx2.example.org", "AAAA"): ["2001:db8::7"],
        ("near.example.org", "A"): ["203.0.113.200"],
        ("near.example.org", "AAAA"): ["2001:db8::ffff"],
        ("null.example.org", "MX"): ["0 ."],
    }


@pytest.mark.parametrize(
    ("record", "me", "me6", "stranger"),
    [
        ("v=spf1 -all", "fail", "fail", "fail"),
        ("v=spf1", "neutral", "neutral", "neutral"),
        ("V=SPF1 ~ALL", "softfail", "softfail", "softfail"),
        ("v=spf1 +all", "pass", "pass", "pass"),
        ("v=spf1 ip4:203.0.113.7 ip6:2001:db8::7 -all", "pass", "pass", "fail"),
        ("v=spf1 ip4:203.0.113.0/24 ip6:2001:db8::/32 ?all", "pass", "pass", "neutral"),
        ("v=spf1 ip4:203.0.113.9/24 -all", "pass", "fail", "fail"),
        ("v=spf1 a -all", "pass", "fail", "fail"),
        ("v=spf1 mx -all", "pass", "pass", "fail"),
        ("v=spf1 mx:null.example.org mx:nobody.example.org -all", "fail", "fail", "fail"),
        ("v=spf1 a:near.example.org -all", "fail", "fail", "fail"),
        ("v=spf1 a:near.example.org/24 -all", "pass", "fail", "fail"),
        ("v=spf1 a:near.example.org/24//32 -all", "pass", "pass", "fail"),
        ("v=spf1 a:near.example.org//32 -all", "fail", "pass", "fail"),
        ("v=spf1 -a +all", "fail", "pass", "pass"),
        ("v=spf1 exists:example.org -all", "pass", "pass", "pass"),
        ("v=spf1 exists:nobody.example.org -all", "fail", "fail", "fail"),
        ("v=spf1 exists:%{i}.example.org ptr ptr:example.org -all", "fail", "fail", "fail"),
        ("v=spf1 include:inner.example.org -all", "pass", "fail", "fail"),
        ("v=spf1 include:%{d}.example.org redirect=%{d}.example.org", "neutral", "neutral", "neutral"),
        ("v=spf1 redirect=inner.example.org", "pass", "softfail", "softfail"),
        ("v=spf1 redirect=gone.example.org -all", "fail", "fail", "fail"),
        ("v=spf1 exp=why.example.org unknown=x ?all", "neutral", "neutral", "neutral"),
    ],
)
def test_who_may_send(
    server: DnsServer, dns: Resolver, record: str, me: str, me6: str, stranger: str
) -> None:
    """The first term that fits decides, as RFC 7208 has it; an include counts where it says pass."""
    server.zone = zone_of({"example.org": record, "inner.example.org": "v=spf1 ip4:203.0.113.7 ~all"})
    policy = spf.read(dns, "example.org")
    assert [spf.result(dns, policy, each) for each in (ME, ME6, STRANGER)] == [me, me6, stranger]


@pytest.mark.parametrize(
    ("record", "lookups", "default"),
    [
        ("v=spf1 ip4:203.0.113.7 -all", 0, "-"),
        ("v=spf1 a mx ptr exists:x.example.org ~all", 4, "~"),
        ("v=spf1 include:inner.example.org ?all", 3, "?"),
        ("v=spf1 a redirect=inner.example.org", 4, "~"),
        ("v=spf1 a redirect=inner.example.org +all", 1, "+"),
        ("v=spf1 a", 1, "?"),
    ],
)
def test_what_it_costs(server: DnsServer, dns: Resolver, record: str, lookups: int, default: str) -> None:
    """Look-ups are counted through all that is included; what no term names falls under the last word."""
    server.zone = zone_of({"example.org": record, "inner.example.org": "v=spf1 a mx ~all"})
    policy = spf.read(dns, "example.org")
    assert (policy.lookups, policy.default) == (lookups, default)


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ({}, "example.org has no SPF record"),
        ({"example.org": "v=spf1 include:gone.example.org -all"}, "gone.example.org has no SPF record"),
        ({"example.org": "v=spf1 include:example.org -all"}, "more than 10 look-ups"),
        ({"example.org": "v=spf1 redirect=example.org"}, "more than 10 look-ups"),
        ({"example.org": f"v=spf1 {' '.join(['a'] * 11)} -all"}, "more than 10 look-ups"),
        *(
            ({"example.org": f"v=spf1 {term} -all"}, "cannot be read")
            for term in (
                *(
                    "include",
                    "include:",
                    "exists",
                    "exists:",
                    "all:x",
                    "all/24",
                    "ip4",
                    "ip4:",
                    "ip4:300.1.1.1",
                ),
                *(
                    "ip4:2001:db8::1",
                    "ip6:203.0.113.7",
                    "ip4:203.0.113.0/33",
                    "a/33",
                    "mx//129",
                    "include:x/24",
                ),
                *(
                    "exists:x//64",
                    "ptr/24",
                    "iip4:1.2.3.4",
                    "++a",
                    "a:",
                    "redirect=",
                    "redirect=a redirect=b",
                    "é",
                ),
            )
        ),
    ],
)
def test_broken(server: DnsServer, dns: Resolver, texts: dict[str, str], says: str) -> None:
    """What a receiver takes for broken is found, with the term or the name where it breaks."""
    server.zone = zone_of(texts)
    with pytest.raises(SpfError, match=says):
        spf.read(dns, "example.org")


PIECE = st.sampled_from(
    ["a", "mx", "all", "ip4", "ip6", "include", "redirect", "=", ":", "/", "//", "-", "+", "1", "::1", "%"]
)


@given(st.lists(st.lists(PIECE | st.text(max_size=3), max_size=6).map("".join), max_size=6))
def test_whatever_stands_there(words: list[str]) -> None:
    """A record is read or refused, whatever a stranger put into it."""
    with suppress(SpfError):
        terms, _ = spf.parse(f"v=spf1 {' '.join(words)}", "example.org")
        assert all(0 <= term.v4 <= 32 and 0 <= term.v6 <= 128 for term in terms)
        assert len(terms) <= len(" ".join(words).split())


@pytest.mark.parametrize(
    ("texts", "own", "states", "says", "todo"),
    [
        ([], True, ["failed"], "has no SPF record", 'put a TXT record at example.org: "v=spf1'),
        (["google-verification=1"], True, ["failed"], "has no SPF record", "put a TXT record"),
        (["v=spf1 -all", "v=spf1 ~all"], True, ["failed"], "2 SPF records", "join them to one"),
        (["v=spf1 what -all"], True, ["failed"], "'what' cannot be read", "it says: v=spf1 what -all"),
        (["v=spf1 ip4:203.0.113.7 -all", "v=spf10 x"], True, ["ok", "ok"], "may send for example.org", ""),
        (["v=spf1 a ?all"], True, ["warning", "ok"], "says nothing of machines", "let it end in -all"),
        (["v=spf1 +all"], True, ["failed", "ok"], "the whole world", "-all or ~all"),
        (
            ["v=spf1 -all"],
            True,
            ["ok", "failed"],
            "may not send for example.org: fail",
            "add ip4:203.0.113.7",
        ),
        (
            ["v=spf1 ~all"],
            False,
            ["ok", "warning"],
            "softfail. It is where the relay",
            "ask who runs the relay",
        ),
    ],
)
def test_findings(
    server: DnsServer, dns: Resolver, texts: list[str], own: bool, states: list[str], says: str, todo: str
) -> None:
    """Each fault is told with what mends it; an address of our own that may not send is worse than a relay's door."""
    server.zone = {**zone_of({}), ("example.org", "TXT"): texts}
    found = spf.judge(dns, "example.org", [ME], own=own)
    assert [each.state for each in found] == states
    worst = next((each for each in found if each.state is not State.OK), found[-1])
    assert says in worst.says
    assert todo in worst.todo


def test_senders_that_are_not_known(server: DnsServer, dns: Resolver) -> None:
    """Without an address to look for the record alone is judged."""
    server.zone = zone_of({"example.org": "v=spf1 a -all"})
    (found,) = spf.judge(dns, "example.org", [], own=True)
    assert (found.state, found.says) == ("ok", "example.org has one record, 1 of 10 look-ups, ending in -all")

"""What the DNS says of the sender's domain and machines."""

from __future__ import annotations

import base64

import pytest

from digest.deliver.finding import Finding
from digest.doctor import domain
from digest.doctor.domain import Wanted
from digest.doctor.resolver import Resolver
from digest.relay.url import parse_url
from tests.compose.keys import RSA_NAME, SECOND_NAME, key
from tests.dns_server import SERVFAIL, DnsServer, Zone

#: A domain at which all is well, and whose mail leaves by mail.example.org.
WELL: Zone = {
    ("example.org", "TXT"): ["v=spf1 a:mail.example.org -all"],
    ("_dmarc.example.org", "TXT"): ["v=DMARC1; p=reject"],
    ("example.org", "MX"): ["10 mx.example.org."],
    ("mx.example.org", "A"): ["203.0.113.8"],
    ("mail.example.org", "A"): ["203.0.113.7"],
    ("7.113.0.203.in-addr.arpa", "PTR"): ["mail.example.org."],
}
OUTSIDE, INSIDE = "smtp+starttls://mail.example.org", "smtp://localhost"


def look(
    server: DnsServer,
    dns: Resolver,
    changes: Zone,
    relay: str | None = OUTSIDE,
    hello: str | None = None,
) -> dict[str, Finding]:
    """Findings by check, of a domain with some changes to what is well."""
    server.zone = {**WELL, **changes}
    relays = [parse_url(relay)] if relay else []
    found = domain.look(
        dns, "example.org", bounces_to="example.org", relays=relays, hello=hello, signed_here=True
    )
    return {each.check: each for each in found}


@pytest.mark.parametrize(
    ("relay", "hello"),
    [
        (OUTSIDE, None),
        ("smtps://203.0.113.7", None),
        (INSIDE, "mail.example.org"),
        ("smtp://127.0.0.1", "[203.0.113.7]"),
        ("smtp://10.1.2.3", "mail.example.org"),
    ],
)
def test_all_is_well(server: DnsServer, dns: Resolver, relay: str, hello: str | None) -> None:
    """The relay's address, or where that is within, the one of the name we go by, is looked at."""
    found = look(server, dns, {}, relay, hello)
    assert {name: each.state for name, each in found.items()} == dict.fromkeys(
        ["PTR of 203.0.113.7", "SPF", "SPF of 203.0.113.7", "DMARC", "MX"], "ok"
    )


@pytest.mark.parametrize("hello", [None, "localhost", "gone.example.org", "192.168.1.1"])
def test_a_sender_that_is_not_known(server: DnsServer, dns: Resolver, hello: str | None) -> None:
    """Behind a relay on this machine the address is not known: told, with the setting that says it."""
    found = look(server, dns, {}, INSIDE, hello)
    assert found["sending address"].state == "warning"
    assert "set relay.hello" in found["sending address"].todo
    assert {"SPF", "DMARC", "MX"} <= found.keys()
    assert not any(" of " in check for check in found)


def test_no_relay(server: DnsServer, dns: Resolver) -> None:
    """Where there is no server to hand mail to, no address is missed."""
    assert look(server, dns, {}, None).keys() == {"SPF", "DMARC", "MX"}


@pytest.mark.parametrize(
    ("changes", "relay", "check", "state", "says"),
    [
        (
            {("7.113.0.203.in-addr.arpa", "PTR"): []},
            OUTSIDE,
            "PTR of 203.0.113.7",
            "warning",
            "has no name; it is",
        ),
        (
            {("7.113.0.203.in-addr.arpa", "PTR"): []},
            INSIDE,
            "PTR of 203.0.113.7",
            "failed",
            "has no name: large",
        ),
        (
            {("7.113.0.203.in-addr.arpa", "PTR"): ["mx.example.org."]},
            INSIDE,
            "PTR of 203.0.113.7",
            "failed",
            "mx.example.org does not lead back",
        ),
        ({("7.113.0.203.in-addr.arpa", "PTR"): SERVFAIL}, OUTSIDE, "PTR", "failed", "SERVFAIL"),
        ({("mail.example.org", "A"): SERVFAIL}, OUTSIDE, "sending address", "failed", "SERVFAIL"),
        ({("example.org", "TXT"): SERVFAIL}, OUTSIDE, "SPF", "failed", "SERVFAIL"),
        ({("_dmarc.example.org", "TXT"): SERVFAIL}, OUTSIDE, "DMARC", "failed", "SERVFAIL"),
        ({("example.org", "MX"): SERVFAIL}, OUTSIDE, "MX", "failed", "SERVFAIL"),
        ({("example.org", "TXT"): ["v=spf1 -all"]}, INSIDE, "SPF of 203.0.113.7", "failed", "may not send"),
        ({("example.org", "TXT"): ["v=spf1 -all"]}, OUTSIDE, "SPF of 203.0.113.7", "warning", "may not send"),
        ({("example.org", "MX"): []}, OUTSIDE, "MX", "failed", "neither MX record nor address"),
        (
            {("example.org", "MX"): [], ("example.org", "A"): ["203.0.113.1"]},
            OUTSIDE,
            "MX",
            "warning",
            "has no MX record",
        ),
        ({("example.org", "MX"): ["0 ."]}, OUTSIDE, "MX", "failed", "takes no mail (null MX)"),
        ({("mx.example.org", "A"): []}, OUTSIDE, "MX", "warning", "mx.example.org has no address"),
    ],
)
def test_faults(
    server: DnsServer, dns: Resolver, changes: Zone, relay: str, check: str, state: str, says: str
) -> None:
    """Each fault is found by itself, with something to do; the other checks go on."""
    found = look(server, dns, changes, relay, "mail.example.org")
    assert found[check].state == state
    assert says in found[check].says
    assert found[check].todo
    assert sum(each.state != "ok" for each in found.values()) == 1


def test_a_domain_of_return_paths(server: DnsServer, dns: Resolver) -> None:
    """SPF and MX are those of the domain that return paths are of; DMARC stays that of From."""
    server.zone = {
        ("bounces.example.org", "TXT"): ["v=spf1 -all"],
        ("bounces.example.org", "MX"): ["10 mx.example.org."],
        ("mx.example.org", "A"): ["203.0.113.8"],
        ("_dmarc.example.org", "TXT"): ["v=DMARC1; p=none"],
    }
    found = list(
        domain.look(
            dns, "example.org", bounces_to="bounces.example.org", relays=[], hello=None, signed_here=True
        )
    )
    assert [each.state for each in found] == ["ok", "ok", "ok"]
    assert ("_dmarc.example.org", "TXT") in server.asked
    assert not any(name == "example.org" for name, _ in server.asked)


# -- keys ------------------------------------------------------------------------------------------------


RECORD = key(RSA_NAME).record
OTHER = base64.b64encode(b"another key").decode()


@pytest.mark.parametrize(
    ("texts", "signs", "waited_for", "state", "says"),
    [
        (
            [RECORD],
            True,
            False,
            "ok",
            "signs, rsa-sha256 of 2048 bits; the record at 2026a._domainkey.example.org is",
        ),
        ([RECORD], False, True, "ok", "signs mail that is still to go out, rsa-sha256"),
        ([RECORD], False, False, "ok", "does not sign; its record is there, so it can be set"),
        ([], False, False, "ok", "does not sign; at 2026a._domainkey.example.org there is no such record"),
        ([], True, False, "failed", "signs, and at 2026a._domainkey.example.org there is no such record"),
        ([], False, True, "failed", "signs mail that is still to go out, and at"),
        ([f"v=DKIM1; p={OTHER}"], True, False, "failed", "it holds another key"),
        ([RECORD, RECORD + ";"], True, False, "failed", "2 TXT records"),
        ([f"{RECORD}; t=y"], True, False, "warning", "t=y, testing"),
        (SERVFAIL, True, False, "failed", "SERVFAIL"),
    ],
)
def test_keys(
    server: DnsServer, dns: Resolver, texts: list[str], signs: bool, waited_for: bool, state: str, says: str
) -> None:
    """A key that signs has to be in the DNS, an old one too while mail waits for it; another is only told of."""
    server.zone = {("2026a._domainkey.example.org", "TXT"): texts}
    wanted = Wanted(key=key(RSA_NAME), signs=signs, waited_for=waited_for)
    (found,) = domain.published(dns, "example.org", wanted)
    assert (found.check, found.state) == ("DKIM 2026a", state)
    assert says in found.says
    assert bool(found.todo) == (state != "ok")


def test_an_alias_and_the_second_kind(server: DnsServer, dns: Resolver) -> None:
    """A record behind a CNAME counts, and an Ed25519 key is known as such."""
    server.zone = {
        (f"{SECOND_NAME}._domainkey.example.org", "CNAME"): ["key.example.net"],
        ("key.example.net", "TXT"): [key(SECOND_NAME).record],
    }
    (found,) = domain.published(
        dns, "example.org", Wanted(key=key(SECOND_NAME), signs=True, waited_for=False)
    )
    assert found.says.startswith("signs, ed25519-sha256 of 256 bits; the record at")

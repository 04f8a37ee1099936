"""The stored form of an address, what is refused, and which two are one."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest.errors import AddressError
from digest.subscribers.address import LONGEST, address_key, normalise

LOCAL_64 = "a" * 64
#: 64 + 1 + 189 = 254 characters
LONG_DOMAIN = ".".join(["b" * 61, "c" * 61, "d" * 61, "org"])[-189:]


@pytest.mark.parametrize(
    ("given_text", "stored"),
    [
        ("ada@example.org", "ada@example.org"),
        ("Ada.Nowak@EXAMPLE.Org", "Ada.Nowak@example.org"),  # capitals before the @ stay
        (" \tada@example.org  ", "ada@example.org"),
        ("ada+papers@example.org", "ada+papers@example.org"),
        ("o'hara=x#!$%&*/?^_`{|}~-@example.org", "o'hara=x#!$%&*/?^_`{|}~-@example.org"),
        ("ada@lab.test", "ada@lab.test"),  # for trials
        ("ada@MÜNCHEN.example", "ada@xn--mnchen-3ya.example"),
        ("ada@xn--mnchen-3ya.example", "ada@xn--mnchen-3ya.example"),
        ("ada@faß.example", "ada@xn--fa-hia.example"),  # not fass.example, which is another's
        ("ada@ｅｘａｍｐｌｅ.org", "ada@example.org"),  # DNS has no wide letters: the same server
        ("ada@example。org", "ada@example.org"),
        ("POSTMASTER@example.org", "postmaster@example.org"),  # RFC 2142
        (f"{LOCAL_64}@{LONG_DOMAIN}", f"{LOCAL_64}@{LONG_DOMAIN}"),
    ],
)
def test_stored_form(given_text: str, stored: str) -> None:
    """The local part stays, the domain is lower case and ASCII."""
    assert normalise(given_text) == stored


@pytest.mark.parametrize(
    ("given_text", "reason"),
    [
        ("", "must have an @-sign"),
        ("ada", "must have an @-sign"),
        ("ada＠example.org", "full-width"),
        ("@example.org", "something before the @-sign"),
        ("ada@", "something after the @-sign"),
        ("ada@example", "should have a period"),
        ("ada@example.org\r\nBcc: eve@example.org", "one line"),
        ("ada@example.org\n", "one line"),
        ("ada@example.org\r", "one line"),
        ("ada\0@example.org", "NUL"),
        ("=?utf-8?q?ada=0d=0aBcc=3a_eve?=@example.org", "encoded word"),
        ("ada@example.org,eve@example.org", "one address at a time"),
        ("Ada <ada@example.org>", "without a name"),
        ("ada@example.org>", "without a name"),
        ('"ada"@example.org', "quoted"),
        ("a da@example.org", "invalid characters"),
        ("ada@eve@example.org", "invalid characters"),
        (".ada@example.org", "start with a period"),
        ("ada..b@example.org", "two periods"),
        ("ada@[192.0.2.1]", "bracketed IP"),
        ("ada@localhost", "period"),
        ("ada@printer.local", "special-use"),
        ("ada@x.invalid", "special-use"),
        ("jürgen@example.org", "Internationalized characters before the @-sign"),
        ("аda@example.org", "Internationalized characters before the @-sign"),  # Cyrillic а
        ("ａda@example.org", "Internationalized characters before the @-sign"),  # wide a, not folded
        ("\u212aim@example.org", "Internationalized characters before the @-sign"),  # Kelvin sign
        ("ada\u200b@example.org", "Internationalized characters before the @-sign"),
        ("ada\u202e@example.org", "Internationalized characters before the @-sign"),
        ("\ud800@example.org", "Internationalized characters before the @-sign"),
        ("ada@\ud800.org", "unsafe characters: U+D800"),
        (f"{LOCAL_64}a@example.org", "too long before the @-sign"),
        (f"{LOCAL_64}@b{LONG_DOMAIN}", f"longer than {LONGEST}"),
        ("ada@" + "ü" * 50 + "." + "ü" * 50 + "." + "ä" * 50 + "." + "ä" * 50 + ".org", "too long"),
        ("a" * 10_000_000, f"longer than {LONGEST}"),
    ],
    ids=range(35),
)
def test_refused(given_text: str, reason: str) -> None:
    """What cannot be mailed is refused with a reason for the person who gave it."""
    with pytest.raises(AddressError) as caught:
        normalise(given_text)
    assert reason in caught.value.reason


def test_error_keeps_what_was_given() -> None:
    """The error carries the address as data, cut where it is endless."""
    with pytest.raises(AddressError) as caught:
        normalise(" a,b@example.org")
    assert caught.value.address == "a,b@example.org"
    with pytest.raises(AddressError) as caught:
        normalise("a" * 1_000_000)
    assert caught.value.address == "a" * LONGEST + "…"


def test_longest_is_that_of_smtp() -> None:
    """254 characters fit into a path of 256 with its angle brackets."""
    assert len(f"{LOCAL_64}@{LONG_DOMAIN}") == LONGEST == 254


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ada@example.org", "aDA@EXAMPLE.ORG", True),
        ("ada@münchen.example", "ada@xn--mnchen-3ya.example", True),
        ("a.da@example.org", "ada@example.org", False),
        ("ada+x@example.org", "ada@example.org", False),
        ("ada@fass.example", "ada@faß.example", False),
        ("ada@exаmple.org", "ada@example.org", False),  # Cyrillic а in the domain
        ("ada@examp1e.org", "ada@example.org", False),
    ],
)
def test_who_is_one_subscriber(one: str, other: str, same: bool) -> None:
    """Case and spelling of the domain make no second account; look-alikes make no shared one."""
    assert (address_key(normalise(one)) == address_key(normalise(other))) is same


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=30)
    | st.builds("{}@{}.{}".format, st.text(max_size=12), st.text(max_size=12), st.text(max_size=8))
)
@example("ada@xn--0.example")
def test_any_text_is_refused_or_fit_for_a_header(text: str) -> None:
    """Whatever is given: an AddressError, or an ASCII address that reads back as itself."""
    with contextlib.suppress(AddressError):
        stored = normalise(text)
        assert stored.isascii()
        assert stored.isprintable()
        assert not set(stored) & set(' ,<>"')
        assert normalise(stored) == stored
        assert address_key(address_key(stored)) == address_key(stored)

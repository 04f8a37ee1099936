"""Signatures: held by two verifiers that are not ours, broken by any change of what they cover."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.compose.composer import Composer
from digest.compose.dkim import (
    ED25519,
    OVER_SIGNED,
    RSA,
    Dkim,
    DkimKey,
    dead_key,
    is_selector,
    made_key,
    private_key,
    relaxed,
)
from digest.compose.message import Message
from digest.compose.sender import Sender
from digest.compose.templates import Templates
from digest.deliver.delivery import Delivery, Kind
from digest.errors import SettingsError
from tests.compose.keys import BOTH, LONG_NAME, RSA_NAME, SECOND_NAME, dkim_of, key, records
from tests.compose.samples import (
    FIVE,
    LINKS,
    PAPERS,
    SENDER,
    TEMPLATES,
    by_key,
    composer,
    delivery,
    paper,
    picks,
)
from tests.verifiers import dkimpy_verifies, opendkim_verifies
from tests.wire import BULK, ONCE, assert_wire

#: Before any clock that the tests may meet: verifiers refuse what was signed in the future.
LONG_AGO = dt.datetime(2024, 1, 5, 7, 0, 5, tzinfo=dt.UTC)
DNS = records(RSA_NAME, SECOND_NAME)
MADE = Templates.load(TEMPLATES)


def signed(one: Delivery = FIVE, *, by: str = RSA_NAME, sender: Sender = SENDER) -> Message:
    """A mail of the tests, signed."""
    made = Composer(MADE, LINKS, sender, dkim=dkim_of(sender.domain))
    return made.message(replace(one, signed_by=by, planned_at=LONG_AGO), by_key(PAPERS))


GOOD = signed().data
LETTER = signed(delivery(kind=Kind.GOODBYE)).data


def holds(data: bytes) -> bool:
    """Whether both verifiers agree that it was signed so; they must not differ."""
    answers = {dkimpy_verifies(data, DNS), *opendkim_verifies([data], DNS)}
    (answer,) = answers
    return answer


# -- what is signed ------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [GOOD, LETTER], ids=["digest", "letter"])
def test_it_holds(data: bytes) -> None:
    """A signed mail keeps the rules of the wire, and both verifiers find its signature good."""
    assert_wire(data, bulk=data is GOOD)
    assert data.startswith(
        b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=example.org; s=2026a;\r\n"
    )
    assert holds(data)


def test_only_the_signature_is_added() -> None:
    """Behind it stands the mail as it would be without."""
    bare = composer().message(replace(FIVE, planned_at=LONG_AGO), by_key(PAPERS))
    assert b"DKIM" not in bare.data
    assert GOOD.endswith(bare.data)
    assert GOOD.index(bare.data) == GOOD.index(b"From: ")


def test_two_signatures() -> None:
    """An Ed25519 signature stands below the RSA one, and each holds by itself."""
    data = signed(by=BOTH).data
    assert_wire(data)
    assert [dkimpy_verifies(data, DNS, index=index) for index in (0, 1)] == [True, True]
    assert re.findall(rb"a=([a-z0-9-]+);", data) == [b"rsa-sha256", b"ed25519-sha256"]
    alone = signed(by=SECOND_NAME).data
    assert opendkim_verifies([data, alone], DNS) == [True, True]
    assert dkimpy_verifies(alone, DNS)
    assert data.endswith(alone)


def test_a_longer_key() -> None:
    """A signature of 4096 bits is folded like any other."""
    data = signed(by=LONG_NAME).data
    assert_wire(data)
    dns = records(LONG_NAME)
    assert dkimpy_verifies(data, dns)
    assert opendkim_verifies([data], dns) == [True]


def tags(data: bytes) -> dict[str, str]:
    """The tags of the signature on top."""
    head, _, _ = data.partition(b"\r\n\r\n")
    value = re.sub(r"\r\n ", " ", head.decode()).split("\r\n")[0].removeprefix("DKIM-Signature: ")
    return {name: text for name, _, text in (tag.strip().partition("=") for tag in value.split(";"))}


@pytest.mark.parametrize("data", [GOOD, LETTER], ids=["digest", "letter"])
def test_tags(data: bytes) -> None:
    """All of the body is signed, at the moment of planning, and every header that stands there."""
    found = tags(data)
    assert found.keys() == {"v", "a", "c", "d", "s", "h", "t", "bh", "b"}
    assert int(found["t"]) == LONG_AGO.timestamp()
    listed = found["h"].replace(" ", "").split(":")
    own = {*ONCE, *(BULK if data is GOOD else ())}
    assert own <= set(listed)
    for name in ("from", "to", "subject", "date", "message-id", "content-type", "list-unsubscribe"):
        assert listed.count(name) == 1 + (name in own)
    assert {name.decode() for name in OVER_SIGNED} <= set(listed)


def test_lines() -> None:
    """No line of a signature passes 78 columns, whatever the selector; of a long domain one line does."""
    for by in (RSA_NAME, BOTH, LONG_NAME):
        head, _, _ = signed(by=by).data.partition(b"From: ")
        assert max(map(len, head.split(b"\r\n"))) <= 78
        assert all(line.startswith((b" ", b"DKIM-Signature: ")) for line in head.split(b"\r\n")[:-1])
    long = replace(SENDER, address=f"digest@{'.'.join(['d' * 60] * 4)}")
    data = signed(sender=long).data
    assert_wire(data)
    assert dkimpy_verifies(data, records(RSA_NAME, domain=long.domain))


def test_retries_are_alike() -> None:
    """The same mail has the same signatures at every try, also in another process with the same keys."""
    assert signed(by=BOTH) == signed(by=BOTH)


def test_threads() -> None:
    """Many threads that share one signer, new to it and to each set of headers, write what one alone writes."""
    kinds = [
        replace(FIVE, signed_by=BOTH),
        delivery(kind=Kind.GOODBYE, signed_by=BOTH),
        replace(FIVE, signed_by=RSA_NAME),
    ]
    shared = Composer(MADE, LINKS, SENDER, dkim=dkim_of())
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda one: shared.message(one, by_key(PAPERS)).data, kinds * 40))
    alone = [Composer(MADE, LINKS, SENDER, dkim=dkim_of()).message(one, by_key(PAPERS)).data for one in kinds]
    assert made == alone * 40


def test_domain_in_capitals() -> None:
    """A domain is signed in lower case, as the DNS has it."""
    data = signed(sender=replace(SENDER, address="digest@Example.ORG")).data
    assert tags(data)["d"] == "example.org"
    assert holds(data)


# -- what breaks it --------------------------------------------------------------------------------------


def fields(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The headers below the signature: name, and the field with its folds."""
    head, _, _ = data[data.index(b"From: ") :].partition(b"\r\n\r\n")
    for field in re.findall(rb"[!-9;-~]+: .*(?:\r\n .*)*\r\n", head + b"\r\n"):
        yield field.partition(b":")[0], field


BROKEN = (
    [
        (f"{name.decode()} of a {kind}, {how}", changed)
        for kind, data in (("digest", GOOD), ("letter", LETTER))
        for name, field in fields(data)
        for how, changed in (
            ("changed", data.replace(field, field[:-3] + b"~" + field[-2:], 1)),
            ("taken away", data.replace(b"\r\n" + field, b"\r\n", 1)),
        )
    ]
    + [
        (f"another {name.decode()} {where} in a {kind}", changed)
        for kind, data in (("digest", GOOD), ("letter", LETTER))
        for name in OVER_SIGNED
        for where, changed in (
            ("on top", name + b": x@example.org\r\n" + data),
            ("at the end", data.replace(b"\r\n\r\n", b"\r\n" + name + b": x@example.org\r\n\r\n", 1)),
        )
    ]
    + [
        ("a changed byte of the body", GOOD.replace(b"Looking Twice", b"Lookinh Twice")),
        ("a byte more", GOOD[:-2] + b"!\r\n"),
        ("a line less", GOOD[: GOOD.rindex(b"\r\n", 0, -2) + 2]),
        ("a blank more in the body", GOOD.replace(b"Looking Twice", b"Looking  Twice")),
        ("an earlier time", GOOD.replace(b" t=17", b" t=16")),
    ]
)


def test_every_change_breaks_it() -> None:
    """No header can be changed, taken away or added that a reader or a program goes by, nor a byte of the body."""
    changed = [data for _, data in BROKEN]
    assert all(data not in (GOOD, LETTER) for data in changed)
    assert [about for about, data in BROKEN if dkimpy_verifies(data, DNS)] == []
    held = opendkim_verifies(changed, DNS)
    assert [about for (about, _), ok in zip(BROKEN, held, strict=True) if ok] == []


def test_what_a_relay_may_do() -> None:
    """Headers in another order, folded anew, in capitals, with marks on top: the signature holds all the same."""
    subject = next(field for name, field in fields(GOOD) if name == b"Subject")
    for data in (
        b"Received: from here\r\n by there; today\r\nX-Spam: no\r\n" + GOOD,
        GOOD.replace(subject, subject.replace(b"\r\n ", b"\r\n\t  ").replace(b"Subject: ", b"SUBJECT:")),
        GOOD.replace(b"MIME-Version: 1.0\r\n", b"").replace(b"From: ", b"MIME-Version: 1.0 \r\nFrom: "),
        GOOD + b"\r\n\r\n",
    ):
        assert data != GOOD
        assert holds(data)


def test_another_key() -> None:
    """What another key signed does not hold, nor what has no key in the DNS."""
    wrong = {
        f"{RSA_NAME}._domainkey.example.org": made_key("x", rsa.generate_private_key(65537, 2048)).record
    }
    assert not dkimpy_verifies(GOOD, wrong)
    assert opendkim_verifies([GOOD], wrong) == [False]
    assert not dkimpy_verifies(GOOD, {})


# -- whatever a paper is called ----------------------------------------------------------------------------

LOCAL = st.from_regex(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,40}(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,20})?", fullmatch=True
)
HOSTILE = st.text(max_size=300) | st.text('=?_\r\n\t :;"\\<>@,()é字 ', max_size=120)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(HOSTILE, HOSTILE, HOSTILE, LOCAL), min_size=8, max_size=8))
def test_whatever_it_says(mails: list[tuple[str, str, str, str]]) -> None:
    """Whatever titles, names and addresses hold, the mail keeps the wire's rules, and both verifiers find it good."""
    made = []
    for title, name, product, local in mails:
        sender = replace(SENDER, name=name, product=product)
        one = paper(1, title, "It says little.")
        made_by = Composer(MADE, LINKS, sender, dkim=dkim_of())
        mail = delivery(
            picks([one]), recipient=f"{local}@example.net", signed_by=RSA_NAME, planned_at=LONG_AGO
        )
        made.append(made_by.message(mail, by_key([one])).data)
    assert all(dkimpy_verifies(data, DNS) for data in made)
    assert opendkim_verifies(made, DNS) == [True] * len(made)


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True),
            st.lists(st.sampled_from([*"abc:;= \t", "\r\n ", "\r\n\t"]), max_size=40).map("".join),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_canonical_form(given_fields: list[tuple[str, str]]) -> None:
    """Header fields come out as RFC 6376 section 3.4.2 describes it, step by step, whoever wrote them."""
    block = "".join(f"{name}: {text}\r\n" for name, text in given_fields).encode()
    names, canonical = relaxed(block)
    expected = []
    for name, text in given_fields:
        unfolded = f" {text}".replace("\r\n", "")
        one_blank = re.sub(r"[ \t]+", " ", unfolded).strip(" ")
        expected.append(f"{name.lower()}:{one_blank}\r\n")
    assert canonical.decode() == "".join(expected)
    assert names == tuple(name.lower().encode() for name, _ in given_fields)


# -- keys --------------------------------------------------------------------------------------------------


def pem(
    made: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey, *, secret: bytes = b""
) -> bytes:
    """A key as a file holds it."""
    locked = serialization.BestAvailableEncryption(secret) if secret else serialization.NoEncryption()
    return made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)


@pytest.mark.parametrize(
    ("made", "algorithm", "bits"),
    [
        (partial(rsa.generate_private_key, 65537, 2048), RSA, 2048),
        (partial(rsa.generate_private_key, 65537, 3072), RSA, 3072),
        (ed25519.Ed25519PrivateKey.generate, ED25519, 256),
    ],
)
def test_keys(made: partial[rsa.RSAPrivateKey], algorithm: str, bits: int) -> None:
    """An RSA key of 2048 bits and more signs, and an Ed25519 key; its secret is shown nowhere."""
    held = made()
    found = private_key("2026a", pem(held))
    assert (found.selector, found.algorithm, found.bits) == ("2026a", algorithm, bits)
    assert found.public == made_key("2026a", held).public
    assert found.record.startswith(f"v=DKIM1; k={'rsa' if algorithm == RSA else 'ed25519'}; p=")
    assert "sign" not in repr(found)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is no PEM private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "is no PEM private key"),
        (pem(rsa.generate_private_key(65537, 2048), secret=b"secret"), "without passphrase"),
        (pem(rsa.generate_private_key(65537, 1024)), "has 1024 bits, and receivers want 2048 at least"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "neither an RSA nor an Ed25519 key"),
    ],
)
def test_keys_that_cannot_sign(data: bytes, says: str) -> None:
    """Any other is refused, with what is wrong."""
    with pytest.raises(SettingsError, match=rf"^DKIM key '2026a': .*{says}"):
        private_key("2026a", data)


def test_a_damaged_key() -> None:
    """A key whose numbers do not fit together is refused, not used to sign what nobody could verify."""
    numbers = rsa.generate_private_key(65537, 2048).private_numbers()
    odd = rsa.RSAPrivateNumbers(
        p=numbers.p,
        q=numbers.q,
        d=numbers.d + 2,
        dmp1=numbers.dmp1,
        dmq1=numbers.dmq1,
        iqmp=numbers.iqmp,
        public_numbers=numbers.public_numbers,
    ).private_key(unsafe_skip_rsa_key_validation=True)
    with pytest.raises(SettingsError, match="is no PEM private key"):
        private_key("2026a", pem(odd))


@pytest.mark.parametrize("by", ["gone", f"{RSA_NAME} gone"])
def test_nothing_goes_unsigned(by: str) -> None:
    """A mail whose key cannot be had is refused, one of two too; so is a signed one where nobody signs."""

    def only(selector: str) -> DkimKey:
        if selector != RSA_NAME:
            raise SettingsError("no such key")
        return key(selector)

    for dkim in (None, Dkim("example.org", only)):
        made = Composer(MADE, LINKS, SENDER, dkim=dkim)
        with pytest.raises(SettingsError, match=r"no such key|there is none here"):
            made.message(replace(FIVE, signed_by=by), by_key(PAPERS))


def test_dead_keys() -> None:
    """In a dry run a signature has the length of a real one, and does not hold."""
    dead = Dkim("example.org", lambda name: dead_key(name, ED25519 if name == SECOND_NAME else RSA))
    made = Composer(MADE, LINKS, SENDER, dkim=dead)
    data = made.message(replace(FIVE, signed_by=BOTH, planned_at=LONG_AGO), by_key(PAPERS)).data
    assert_wire(data)
    assert len(data) == len(signed(by=BOTH).data)
    assert not dkimpy_verifies(data, DNS)
    assert opendkim_verifies([data], DNS) == [False]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        *((text, True) for text in ("a", "2026a", "a.b", "x" * 63)),
        *(
            (text, False)
            for text in ("", "A", "a_b", "-a", "a-", ".a", "a.", "a..b", "x" * 64, "a b", "a/b", "é")
        ),
    ],
)
def test_selectors(text: str, is_one: bool) -> None:
    """A selector is a name that the DNS and a folder of files can hold."""
    assert is_selector(text) is is_one

"""A key in the DNS against the key that signs."""

from __future__ import annotations

import pytest

from digest.deliver.dkim_record import is_testing, wrong_with
from digest.deliver.dns import tags

GOOD = "v=DKIM1; k=rsa; p=QUJD"


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "p=QUJD",
        "k=rsa;p=QUJD;",
        "v=DKIM1; h=sha1:sha256; s=email; t=s; n=note; p = QU\t JD ",
        "V=DKIM1; K=rsa; P=QUJD",
    ],
)
def test_the_same_key(text: str) -> None:
    """However it is written, a record with our key in it is well."""
    assert wrong_with([text], key_type="rsa", public="QUJD") is None


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ([], "there is no such record"),
        ([GOOD, GOOD], "there are 2 TXT records"),
        (["hello world"], "it cannot be read"),
        (["v=DKIM1; p=QUJD; p=QUJD"], "p stands there twice"),
        (["v=DKIM2; p=QUJD"], "it is no DKIM record"),
        (["v=DKIM1; k=rsa"], "it is no DKIM record"),
        (["v=DKIM1; p="], "its key is revoked"),
        (["v=DKIM1; k=ed25519; p=QUJD"], "it says k=ed25519, and the key is rsa"),
        (["v=DKIM1; p=QUJE"], "it holds another key"),
        (["v=DKIM1; p=qujd"], "it holds another key"),
        (["v=DKIM1; h=sha1; p=QUJD"], "it allows h=sha1 alone"),
        (["v=DKIM1; s=tlsrpt; p=QUJD"], "it is for s=tlsrpt, not for mail"),
    ],
)
def test_what_is_wrong(texts: list[str], says: str) -> None:
    """Each reason for which a verifier would not find our key is told."""
    wrong = wrong_with(texts, key_type="rsa", public="QUJD")
    assert wrong is not None
    assert says in wrong


def test_the_second_kind() -> None:
    """An Ed25519 key has to be called one: without k= it would be read as RSA."""
    assert wrong_with(["v=DKIM1; k=ed25519; p=QUJD"], key_type="ed25519", public="QUJD") is None
    assert (
        wrong_with(["v=DKIM1; p=QUJD"], key_type="ed25519", public="QUJD")
        == "it says k=rsa, and the key is ed25519"
    )


def test_testing() -> None:
    """t=y makes signatures count for nothing; t=s does not."""
    assert is_testing(f"{GOOD}; t=y")
    assert is_testing(f"{GOOD}; t=s:y")
    assert not is_testing(f"{GOOD}; t=s")
    assert not is_testing(GOOD)


@pytest.mark.parametrize("text", ["=x", "1a=x", "a b=x", "a", "a=1;a=2", "A=1;a=2"])
def test_no_tags(text: str) -> None:
    """What is no tag list is refused, and so is a tag that stands there twice."""
    with pytest.raises(ValueError, match=r"no tag=value|stands there twice"):
        tags(text)

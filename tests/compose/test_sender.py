"""What an operator may say of the sender."""

from __future__ import annotations

import pytest

from digest.compose.sender import Sender
from digest.errors import SettingsError


def test_shown() -> None:
    """Templates get the product's name and the lines of the postal address, made harmless."""
    sender = Sender(
        name="n",
        address="a@b.example",
        list_id="l",
        product="The\u202e Digest",
        postal_address="One\n\n  Two \n",
    )
    assert sender.shown() == {"product": "The Digest", "postal_address": ("One", "Two")}
    assert sender.domain == "b.example"


@pytest.mark.parametrize("address", ["", "a@b\r\nBcc: c@d", "Name <a@b>"])
def test_address(address: str) -> None:
    """An address that is none is found when settings are read, not when mail is sent."""
    with pytest.raises(SettingsError, match="sender: "):
        Sender(name="n", address=address, list_id="l")


@pytest.mark.parametrize("list_id", ["", "a b", "<l>", "l\r\n", "Ünï", "-", "l."])
def test_list_id(list_id: str) -> None:
    """So is a list id that would break its header."""
    with pytest.raises(SettingsError, match="list id"):
        Sender(name="n", address="a@b.example", list_id=list_id)


def test_return_domain() -> None:
    """Return paths have the sender's domain, unless another one is named, which has to be a domain."""
    plain = Sender(name="n", address="a@b.example", list_id="l")
    other = Sender(name="n", address="a@b.example", list_id="l", return_domain="r.b.example")
    assert (plain.bounces_to, other.bounces_to) == ("b.example", "r.b.example")
    with pytest.raises(SettingsError, match="domain of return paths"):
        Sender(name="n", address="a@b.example", list_id="l", return_domain="r b")

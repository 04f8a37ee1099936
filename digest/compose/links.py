"""Signed links: who may leave, choose or confirm is whoever holds the mail that the link came in.

A token is `VALUES.SIGNATURE`: plain numbers and 144 bits of HMAC-SHA-256, so that the whole
List-Unsubscribe URI stays short enough to stand unfolded on one header line. A serializer with
JSON and base64 would make it a third longer and say no more.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from itsdangerous import BadSignature, Signer
from itsdangerous.signer import HMACAlgorithm

from digest.errors import ExpiredTokenError, TokenError

#: How long a request to subscribe can be confirmed.
CONFIRM_AGE = dt.timedelta(days=3)
#: How long the links to take one's data away, or to have it erased, can be opened.
DATA_AGE = dt.timedelta(hours=24)

#: 18 bytes are 24 characters of base64 without a bit to spare: no two spellings verify alike.
_SIGNATURE_BYTES = 18
_TOKEN = re.compile(r"[0-9.]{1,60}\.[A-Za-z0-9_-]{24}")
#: Mail servers may fold the case of a local part, so a return path is signed in hexadecimal.
_RETURN_PATH = re.compile(r"bounce\+([0-9]{1,18})-([0-9a-f]{16})@.+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneUse:
    """What a link says that opens once. That it was not opened before is for the caller to see.

    The three values name the link: who has asked twice in a second has asked once.
    """

    subscriber_id: int
    epoch: int  #: of the subscriber when it was asked for
    asked_s: int  #: when, in seconds since 1970


class MailLinks(Protocol):
    """The links that a mail carries."""

    base_url: str  #: without a slash at its end

    def leave(self, subscriber_id: int) -> str: ...
    def leave_token(self, subscriber_id: int) -> str: ...
    def preferences(self, subscriber_id: int, epoch: int) -> str: ...
    def confirm(self, subscriber_id: int, epoch: int, at: dt.datetime) -> str: ...
    def export(self, subscriber_id: int, epoch: int, at: dt.datetime) -> str: ...
    def erase(self, subscriber_id: int, epoch: int, at: dt.datetime) -> str: ...
    def edition(self, date: dt.date) -> str: ...
    def return_path(self, delivery_id: int, domain: str) -> str: ...


class Links:
    """Makes and reads signed links. The same arguments give the same link: there is no clock here.

    Args:
        base_url: Where the pages are served, such as `https://digest.example.org`.
        keys: Secrets, oldest first: the last one signs, all of them verify. Leave links must work
            for ever, so a key is added and never taken away.
    """

    def __init__(self, base_url: str, keys: Sequence[bytes]) -> None:
        if not keys or min(map(len, keys)) < 16:
            raise ValueError("a signing key has at least 16 bytes")
        self.base_url = base_url.rstrip("/")
        self._leave = _signer(keys, "leave")
        self._preferences = _signer(keys, "preferences")
        self._confirm = _signer(keys, "confirm")
        self._export = _signer(keys, "export")
        self._erase = _signer(keys, "erase")
        self._return_paths = [_purpose_key(key, "return-path") for key in keys]

    def leave(self, subscriber_id: int) -> str:
        """The link that works for ever: no epoch in it, so nothing ever revokes it."""
        return f"{self.base_url}/u/{self.leave_token(subscriber_id)}"

    def leave_token(self, subscriber_id: int) -> str:
        """The token of the leave link alone, for the subject of a leave mail."""
        return _sign(self._leave, subscriber_id)

    def preferences(self, subscriber_id: int, epoch: int) -> str:
        """The link to what a subscriber chose; raising their epoch revokes it."""
        return f"{self.base_url}/p/{_sign(self._preferences, subscriber_id, epoch)}"

    def confirm(self, subscriber_id: int, epoch: int, at: dt.datetime) -> str:
        """The link that turns a request of the moment `at` into a subscription."""
        return f"{self.base_url}/c/{_sign(self._confirm, subscriber_id, epoch, int(at.timestamp()))}"

    def export(self, subscriber_id: int, epoch: int, at: dt.datetime) -> str:
        """The link to all that is stored of a subscriber, asked for at the moment `at`."""
        return f"{self.base_url}/x/{_sign(self._export, subscriber_id, epoch, int(at.timestamp()))}"

    def erase(self, subscriber_id: int, epoch: int, at: dt.datetime) -> str:
        """The link that has a subscriber forgotten, asked for at the moment `at`."""
        return f"{self.base_url}/e/{_sign(self._erase, subscriber_id, epoch, int(at.timestamp()))}"

    def edition(self, date: dt.date) -> str:
        """The public page of an edition: the same for everyone, so there is nothing to sign."""
        return f"{self.base_url}/editions/{date.isoformat()}"

    def return_path(self, delivery_id: int, domain: str) -> str:
        """The envelope sender that tells which delivery bounced (VERP)."""
        return f"bounce+{delivery_id}-{_short_mac(self._return_paths[-1], delivery_id)}@{domain}"

    def read_leave(self, token: str) -> int:
        """The subscriber who leaves.

        Raises:
            TokenError: The token does not verify, for whatever reason.
        """
        (subscriber_id,) = _read(self._leave, token, count=1)
        return subscriber_id

    def read_preferences(self, token: str) -> tuple[int, int]:
        """Subscriber and epoch; whether the epoch still stands is for the caller to see.

        Raises:
            TokenError: The token does not verify, for whatever reason.
        """
        subscriber_id, epoch = _read(self._preferences, token, count=2)
        return subscriber_id, epoch

    def read_confirm(self, token: str, now: dt.datetime) -> tuple[int, int]:
        """Subscriber and epoch of a request to subscribe.

        Raises:
            ExpiredTokenError: The token is ours, and older than `CONFIRM_AGE`.
            TokenError: The token does not verify, for whatever other reason.
        """
        asked = _read_aged(self._confirm, token, now, CONFIRM_AGE)
        return asked.subscriber_id, asked.epoch

    def read_export(self, token: str, now: dt.datetime) -> OneUse:
        """Who takes their data away, and which link of theirs it is.

        Raises:
            ExpiredTokenError: The token is ours, and older than `DATA_AGE`.
            TokenError: The token does not verify, for whatever other reason.
        """
        return _read_aged(self._export, token, now, DATA_AGE)

    def read_erase(self, token: str, now: dt.datetime) -> OneUse:
        """Who has their data erased, and which link of theirs it is.

        Raises:
            ExpiredTokenError: The token is ours, and older than `DATA_AGE`.
            TokenError: The token does not verify, for whatever other reason.
        """
        return _read_aged(self._erase, token, now, DATA_AGE)

    def read_return_path(self, address: str) -> int:
        """The delivery that a bounce to this address is about.

        Raises:
            TokenError: The address is not one of ours.
        """
        match = _RETURN_PATH.fullmatch(address)
        if match is None:
            raise _refused()
        delivery_id, mac = int(match[1]), match[2].lower()
        if not any(hmac.compare_digest(mac, _short_mac(key, delivery_id)) for key in self._return_paths):
            raise _refused()
        return delivery_id


class DeadLinks:
    """Links of the right form that open nothing: a file written by a dry run leaks no live token."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")

    def leave(self, subscriber_id: int) -> str:
        return f"{self.base_url}/u/dry-run"

    def leave_token(self, subscriber_id: int) -> str:
        return "dry-run"

    def preferences(self, subscriber_id: int, epoch: int) -> str:
        return f"{self.base_url}/p/dry-run"

    def confirm(self, subscriber_id: int, epoch: int, at: dt.datetime) -> str:
        return f"{self.base_url}/c/dry-run"

    def export(self, subscriber_id: int, epoch: int, at: dt.datetime) -> str:
        return f"{self.base_url}/x/dry-run"

    def erase(self, subscriber_id: int, epoch: int, at: dt.datetime) -> str:
        return f"{self.base_url}/e/dry-run"

    def edition(self, date: dt.date) -> str:
        return f"{self.base_url}/editions/{date.isoformat()}"

    def return_path(self, delivery_id: int, domain: str) -> str:
        return f"bounce+dry-run@{domain}"


class _ShortMac(HMACAlgorithm):
    """HMAC-SHA-256 cut to 144 bits (RFC 2104 section 5 allows half and more)."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha256")[:_SIGNATURE_BYTES]


def _purpose_key(key: bytes, purpose: str) -> bytes:
    return hmac.digest(key, purpose.encode(), "sha256")


def _signer(keys: Sequence[bytes], purpose: str) -> Signer:
    """A signer whose keys hold for one purpose; derived once, as a mail needs three signatures."""
    derived = [_purpose_key(key, purpose) for key in keys]
    return Signer(
        derived, salt=purpose, key_derivation="none", digest_method=hashlib.sha256, algorithm=_ShortMac()
    )


def _sign(signer: Signer, *values: int) -> str:
    return signer.sign(".".join(map(str, values))).decode()


def _read(signer: Signer, token: str, *, count: int) -> list[int]:
    # The form is checked first because base64 decoding skips characters that it does not know.
    if not _TOKEN.fullmatch(token):
        raise _refused()
    try:
        values = signer.unsign(token).decode().split(".")
    except BadSignature as error:
        raise _refused() from error
    assert len(values) == count  # one purpose, one form: nothing else was ever signed
    return [int(value) for value in values]


def _read_aged(signer: Signer, token: str, now: dt.datetime, max_age: dt.timedelta) -> OneUse:
    subscriber_id, epoch, asked_s = _read(signer, token, count=3)
    if now.timestamp() - asked_s > max_age.total_seconds():
        raise ExpiredTokenError(subscriber_id)
    return OneUse(subscriber_id=subscriber_id, epoch=epoch, asked_s=asked_s)


def _short_mac(key: bytes, delivery_id: int) -> str:
    return hmac.digest(key, str(delivery_id).encode(), "sha256")[:8].hex()


def _refused() -> TokenError:
    return TokenError("this link does not work")

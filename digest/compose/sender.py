"""Who the mails are from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from digest.compose.headers import plain_address
from digest.compose.inert import line
from digest.errors import AddressError, SettingsError

_LIST_ID = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,200}[a-z0-9])?")

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.IGNORECASE)


def is_domain(text: str) -> bool:
    """Whether a text is a full name of a domain, in ASCII."""
    return _DOMAIN.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """What an operator sets once for all mails.

    Raises:
        SettingsError: The address or the list's id would not stand in a header as it is.
    """

    name: str  #: display name of From
    address: str  #: of From; its domain is that of Message-IDs
    list_id: str  #: of the List-Id header, without brackets, such as `digest.example.org`
    product: str = "Digest"  #: name at the top of each mail
    postal_address: str = ""  #: lines; many countries ask for one in the footer
    zone: str = "UTC"  #: of the editions' dates, as it is shown
    return_domain: str = ""  #: of return paths; that of the address where empty

    def __post_init__(self) -> None:
        try:
            plain_address(self.address)
        except AddressError as error:
            raise SettingsError(f"sender: {error}") from error
        if self.return_domain and not is_domain(self.return_domain):
            raise SettingsError(
                f"domain of return paths {self.return_domain!r}: not a name such as example.org"
            )
        if not _LIST_ID.fullmatch(self.list_id):
            raise SettingsError(f"list id {self.list_id!r}: only a-z, 0-9, dots and hyphens")

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    @property
    def bounces_to(self) -> str:
        """The domain of return paths."""
        return self.return_domain or self.domain

    def shown(self) -> dict[str, str | tuple[str, ...]]:
        """What every template is given of the sender."""
        lines = (line(part, 200) for part in self.postal_address.splitlines())
        return {"product": line(self.product, 80), "postal_address": tuple(part for part in lines if part)}

"""Who the mails are from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from digest.compose.headers import plain_address
from digest.compose.inert import line
from digest.errors import AddressError, SettingsError

_LIST_ID = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,200}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """What an operator sets once for all mails.

    Raises:
        SettingsError: The address or the list's id would not stand in a header as it is.
    """

    name: str  #: display name of From
    address: str  #: of From; its domain is that of return paths and Message-IDs
    list_id: str  #: of the List-Id header, without brackets, such as `digest.example.org`
    product: str = "Digest"  #: name at the top of each mail
    postal_address: str = ""  #: lines; many countries ask for one in the footer
    zone: str = "UTC"  #: of the editions' dates, as it is shown

    def __post_init__(self) -> None:
        try:
            plain_address(self.address)
        except AddressError as error:
            raise SettingsError(f"sender: {error}") from error
        if not _LIST_ID.fullmatch(self.list_id):
            raise SettingsError(f"list id {self.list_id!r}: only a-z, 0-9, dots and hyphens")

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    def shown(self) -> dict[str, str | tuple[str, ...]]:
        """What every template is given of the sender."""
        lines = (line(part, 200) for part in self.postal_address.splitlines())
        return {"product": line(self.product, 80), "postal_address": tuple(part for part in lines if part)}

"""Broken promises, each with its data; an expected outcome is a return value instead."""

from __future__ import annotations


class DigestError(Exception):
    """Something that stops the work at hand; the command prints it and exits 1."""


class SettingsError(DigestError):
    """A setting is unknown, missing or out of range; the command exits 2."""


class UsageError(DigestError):
    """The command was called with something that cannot be; it exits 2."""


class SchemaError(DigestError):
    """The database is of another schema version; the text names the command that mends it."""


class RestoredError(DigestError):
    """The database is an older copy, and nothing is mailed until an operator says what becomes of it."""


class DumpError(DigestError):
    """A dump that cannot be read whole, and so is not stored at all.

    Attributes:
        reason: What is wrong, in words for an admin.
        line: Line in the dump where it shows, from 1; 0 where the dump as a whole is meant.
    """

    def __init__(self, reason: str, *, line: int = 0) -> None:
        self.reason = reason
        self.line = line
        super().__init__(f"line {line}: {reason}" if line else reason)


class MailError(DigestError):
    """A mail that is not read: too large, too deep, or not to be parsed."""


class MailboxError(DigestError):
    """A mailbox that cannot be read just now: locked, away, or not who it should be."""


class TaxonomyError(DigestError):
    """`topics.toml` breaks its own rules."""


class TemplateError(DigestError):
    """A template does not compile, or asks for a value it is not given."""


class AddressError(DigestError):
    """An e-mail address that cannot be used.

    Attributes:
        address: As it was given.
        reason: Why not, in words for a person.
    """

    def __init__(self, address: str, reason: str) -> None:
        self.address = address
        self.reason = reason
        super().__init__(f"{address!r}: {reason}")


class PreferenceError(DigestError):
    """A preference out of range: an unknown topic or zone, an hour of 24, a cap of 0.

    Attributes:
        field: Its name, such as `topics`; "" where no single one is meant.
        reason: What is wrong and what is allowed, in words for a person.
    """

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}" if field else reason)


class DnsError(DigestError):
    """A name that cannot be looked up: nobody answers, or a broken server does. Not: there is no such name."""


class TokenError(DigestError):
    """A link's token that does not verify, for whatever reason: they all look alike."""


class ExpiredTokenError(TokenError):
    """A token of ours that came too late: the page offers a new one.

    Attributes:
        subscriber_id: Whose it was.
    """

    def __init__(self, subscriber_id: int) -> None:
        self.subscriber_id = subscriber_id
        super().__init__("this link has expired")

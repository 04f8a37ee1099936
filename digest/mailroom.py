"""What comes back, with everything that taking it in needs: mailboxes that the settings name, keys, and who leaves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from digest.compose.links import Links
from digest.deliver.bounce import BouncePolicy
from digest.deliver.envelope import CAP_BYTES
from digest.pipeline.bounces import Event, Intake, Report, unusual, weigh
from digest.settings import BounceSettings, Settings
from digest.signup import Signup
from digest.sources.imap import ImapBox, open_imap, parse_imap
from digest.sources.letter import Letter
from digest.sources.mailbox import open_maildir
from digest.store import subscribers
from digest.subscribers.consent import Evidence


def watched(bounces: BounceSettings) -> Iterator[Letter]:
    """What came into the mailbox of `bounces.mailbox`.

    Raises:
        SettingsError: It is not a mailbox that can be opened so.
        MailboxError: It cannot be read just now.
    """
    if "://" in bounces.mailbox:
        return on_server(bounces, bounces.mailbox, key="bounces.mailbox")
    return open_maildir(Path(bounces.mailbox), cap_bytes=CAP_BYTES)


def on_server(bounces: BounceSettings, url: str, *, key: str) -> Iterator[Letter]:
    """What came into a mailbox on an IMAP server, with the password and the wishes of the settings."""
    box = ImapBox(
        url=parse_imap(url, key=key), password=bounces.password, ca_file=bounces.ca_file, after=bounces.after
    )
    return open_imap(box, cap_bytes=CAP_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailroom:
    """Takes in what comes back."""

    settings: Settings
    signup: Signup
    links: Links  #: by every key that ever signed
    message_key: bytes
    clock: Callable[[], dt.datetime]

    def take_letters(self, letters: Iterable[Letter], *, stop: Callable[[], bool] = lambda: False) -> Report:
        """Take mails in, then suppress who bounced softly too often."""
        report = self._intake.letters(letters, stop=stop)
        report.suppressed += self.weigh()
        return report

    def take_events(self, events: Sequence[Event]) -> Report:
        """Take in what a relay told by HTTP."""
        return self._intake.events(events)

    def weigh(self) -> int:
        """Suppress who bounced softly too often in a row; returns how many."""
        bounces = self.settings.bounces
        policy = BouncePolicy(soft_limit=bounces.soft_limit, soft_days=bounces.soft_days)
        return weigh(self.signup.database, policy, now=self.clock())

    def unusual(self) -> str | None:
        """What to tell the operator where an unusual share of an edition's mails bounced."""
        percent = self.settings.bounces.alarm_percent
        with self.signup.database.read() as conn:
            return unusual(conn, percent=percent, now=self.clock())

    @property
    def _intake(self) -> Intake:
        return Intake(
            database=self.signup.database,
            links=self.links,
            message_key=self.message_key,
            leave=self._leave,
            clock=self.clock,
        )

    def _leave(self, subscriber_id: int) -> bool:
        with self.signup.database.read() as conn:
            found = subscribers.get(conn, subscriber_id)
        return found is not None and self.signup.leave(
            found, evidence=Evidence(method="mail"), now=self.clock()
        )

"""The consent record, and the addresses that are never mailed."""

from __future__ import annotations

from digest.store import consents
from digest.store.database import Database
from digest.subscribers.consent import CONSENT, Consent, Event, Evidence, consent_version
from tests.factories import HOUR, NOW, add_subscriber

WEB = Evidence(method="web", ip="2001:db8::7", text_version="ab12")
MAIL = Evidence(method="mail")


def test_the_record(database: Database) -> None:
    """What a subscriber agreed to is kept in its order, with how it was asked for, apart from the others'."""
    with database.write() as conn:
        ada, bo = add_subscriber(conn).id, add_subscriber(conn).id
        consents.record(conn, ada, Event.ASKED, WEB, at=NOW)
        consents.record(conn, bo, Event.ASKED, WEB, at=NOW)
        consents.record(conn, ada, Event.CONFIRMED, MAIL, at=NOW + HOUR)
        consents.record(conn, ada, Event.LEFT, MAIL, at=NOW + HOUR, holds=False)
        assert consents.of(conn, ada) == [
            Consent(at=NOW, event=Event.ASKED, evidence=WEB),
            Consent(at=NOW + HOUR, event=Event.CONFIRMED, evidence=MAIL),
        ]


def test_forgetting_from_where(database: Database) -> None:
    """The address of a request is found by its age, and forgotten; the rest of its line stays."""
    with database.write() as conn:
        ada, bo = add_subscriber(conn).id, add_subscriber(conn).id
        consents.record(conn, ada, Event.ASKED, WEB, at=NOW)
        consents.record(conn, ada, Event.CONFIRMED, MAIL, at=NOW)
        consents.record(conn, bo, Event.ASKED, WEB, at=NOW)
        consents.record(conn, bo, Event.LEFT, WEB, at=NOW + HOUR)
        assert consents.with_ip(conn, before=NOW) == []
        first, second = consents.with_ip(conn, before=NOW + HOUR)
        consents.forget_ips(conn, [first])
        assert consents.with_ip(conn, before=NOW + HOUR) == [second]
        forgotten = Evidence(method="web", text_version="ab12")
        assert [line.evidence for line in consents.of(conn, ada)] == [forgotten, MAIL]
        consents.forget_ips_of(conn, [bo])
        assert [line.evidence for line in consents.of(conn, bo)] == [forgotten, forgotten]


def test_suppressions(database: Database) -> None:
    """An address is suppressed once, with its first reason, until it is allowed again."""
    with database.write() as conn:
        consents.suppress(conn, "ab", reason="left", at=NOW, holds=False)
        assert consents.suppressed(conn, "ab") is None
        consents.suppress(conn, "ab", reason="erased", at=NOW)
        consents.suppress(conn, "ab", reason="bounced", at=NOW)
        assert consents.suppressed(conn, "ab") == "erased"
        consents.allow(conn, "cd")
        assert consents.suppressed(conn, "ab") == "erased"
        consents.allow(conn, "ab")
        assert consents.suppressed(conn, "ab") is None


def test_the_version_of_the_sentence() -> None:
    """The version is drawn from the sentence alone: this one is on record, and a change of a letter makes another."""
    assert consent_version() == "8f1067675b72"
    assert "leave with one click" in CONSENT

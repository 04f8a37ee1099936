"""The whole way of a reader: a real browser, a running `digest serve`, a real SMTP server."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser

from tests.browser import papers
from tests.browser.mailbox import Mail
from tests.browser.reader import choose, chosen, field, press, shown, told
from tests.browser.service import Service, path_of, uri_in
from tests.browser.window import WIDTHS, Window, opened

_READER, _WITNESS = "ada@example.org", "vera@example.org"
_ROBOTS, _SPEECH = "robotics", "speech-recognition"
#: Where it is 19:10 when the service's clock starts: an hour before the digest that is chosen below.
_ZONE, _HOUR = "Asia/Tokyo", "20"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_the_whole_way(browser: Browser, service: Service, width: int, script: bool) -> None:
    """Subscribe, confirm, choose, get it, choose again, get another, pause, resume, leave: all as one would think."""
    service.publish(0)
    service.join(_WITNESS, hour="11")
    with opened(browser, service.url, width=width, script=script, zone=_ZONE) as window:
        sign_up(window, service, script=script)
        choose_topics(window, service)
        change_topics(window, service)
        pause_and_resume(window, service)
    leave_by_one_click(service)
    said = service.log()
    assert _READER not in said
    for mail in service.mailbox.of(_READER):
        assert not [token for token in tokens(mail) if token in said]


def sign_up(window: Window, service: Service, *, script: bool) -> None:
    """On the home page, which shows the newest edition; the mail's link alone does nothing, its button does."""
    window.go("/")
    assert papers.titles(_ROBOTS, 0)[0] in window.page.inner_text("main")
    zone = field(window, "subscribe", "zone")
    assert zone.input_value() == (_ZONE if script else "UTC")  # a script knows the browser's own
    shown(zone).select_option(_ZONE)
    # An hour to come: at one that is past, the first digest would be on its way before anything is chosen.
    shown(field(window, "subscribe", "hour")).select_option(_HOUR)
    field(window, "subscribe", "address").fill(_READER)
    press(window, "subscribe", inside="#subscribe")
    assert window.page.url == f"{service.url}/inbox"
    confirmation = service.mailbox.next(_READER)
    window.go(confirmation.link("/c/"))
    assert state(service) == "pending"
    press(window, "confirm")
    assert re.fullmatch(rf"{service.url}/p/[^/?]+\?done=confirmed", window.page.url)
    assert told(window)
    assert state(service) == "active"
    assert service.rows("SELECT zone FROM subscribers WHERE address = ?", _READER) == [(_ZONE,)]


def choose_topics(window: Window, service: Service) -> None:
    """On the page that follows the confirmation; the next digest is about them and nothing else."""
    choose(window, "choices", [_ROBOTS])
    save(window)
    service.advance(hours=1)
    assert topics(service.mailbox.next(_READER), day=0) == [_ROBOTS]
    assert brings(service.mailbox.next(_WITNESS), day=0)


def change_topics(window: Window, service: Service) -> None:
    """From the link of that digest, without a password; the digest of the next day is another."""
    window.go(service.mailbox.of(_READER)[-1].link("/p/"))
    assert chosen(window, "choices") == [_ROBOTS]
    choose(window, "choices", [_SPEECH])
    save(window)
    assert chosen(window, "choices") == [_SPEECH]
    next_day(service, 1)
    assert topics(service.mailbox.next(_READER), day=1) == [_SPEECH]
    assert brings(service.mailbox.next(_WITNESS), day=1)


def pause_and_resume(window: Window, service: Service) -> None:
    """A day that is paused brings nothing, and the ledger says why; the day after resuming brings that day's."""
    window.go(service.mailbox.of(_READER)[-1].link("/p/"))
    press(window, "pause", inside="#pause")
    assert told(window)
    assert state(service) == "paused"
    a_day_without(service, day=2)
    skipped = service.rows(
        "SELECT reason FROM deliveries WHERE recipient = ? AND status = 'skipped'", _READER
    )
    assert skipped == [("paused",)]
    press(window, "resume", inside="#pause")
    assert told(window)
    assert state(service) == "active"
    next_day(service, 3)
    assert topics(service.mailbox.next(_READER), day=3) == [_SPEECH]
    assert brings(service.mailbox.next(_WITNESS), day=3)


def leave_by_one_click(service: Service) -> None:
    """The very bytes of a delivered mail's header leave, again and again; one goodbye comes, and then nothing."""
    digest = service.mailbox.of(_READER)[-1]
    assert digest.header_bytes("List-Unsubscribe-Post") == b"List-Unsubscribe=One-Click"
    uri = uri_in(digest.header_bytes("List-Unsubscribe"))
    assert uri == digest.link("/u/")
    for _ in range(2):
        posted = service.post(path_of(uri), digest.header_bytes("List-Unsubscribe-Post"))
        assert posted.status == 200  # and neither a cookie nor an Origin was sent, nor a redirect followed
    assert state(service) == "left"
    assert not service.mailbox.next(_READER).has("/p/")  # the goodbye
    a_day_without(service, day=4)


# -- what a test looks at -----------------------------------------------------------------------------


def save(window: Window) -> None:
    press(window, "^save", inside="#choices")
    assert window.page.url.endswith("?done=saved")
    assert told(window)


def next_day(service: Service, day: int) -> None:
    """Let the edition of the next day come out, and then the hour at which both readers are due."""
    service.advance(hours=23)
    service.publish(day)
    service.advance(hours=1)


def a_day_without(service: Service, *, day: int) -> None:
    """Let a day come: all who are due are planned in one transaction, so once the witness has theirs, no other comes."""
    next_day(service, day)
    assert brings(service.mailbox.next(_WITNESS), day=day)
    assert service.mailbox.unread(_READER) == []
    open_still = "SELECT count(*) FROM deliveries WHERE recipient = ? AND status IN ('planned', 'claimed')"
    assert service.rows(open_still, _READER) == [(0,)]


def state(service: Service) -> str:
    ((found,),) = service.rows("SELECT state FROM subscribers WHERE address = ?", _READER)
    return str(found)


def topics(mail: Mail, *, day: int) -> list[str]:
    """The topics of which a mail brings papers of this day."""
    text = " ".join(mail.text.split())
    return [topic for topic in papers.TOPICS if any(title in text for title in papers.titles(topic, day))]


def brings(mail: Mail, *, day: int) -> bool:
    """Whether a mail is a digest with papers of this day."""
    return bool(topics(mail, day=day))


def tokens(mail: Mail) -> set[str]:
    """What opens a door in a mail's links: the longest piece of each path."""
    return {url.partition("#")[0].rpartition("/")[2] for url in mail.links if re.search(r"/[a-z]/[0-9]", url)}

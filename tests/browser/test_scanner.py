"""Link scanners open whatever a mail holds before its reader does: nothing may come of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from playwright.sync_api import Browser

from tests.browser.mailbox import PATIENCE_S, Mail
from tests.browser.service import Service, path_of
from tests.browser.window import opened
from tests.smtp_server import wait_until

#: As the scanners of large mail providers come: by name, from no page, and wanting everything.
_SCANNER = {
    "User-Agent": "Mozilla/5.0 (compatible; MailLinkScanner/2.1)",
    "Accept": "*/*",
    "Accept-Language": "en",
    "Purpose": "prefetch",
    "Sec-Purpose": "prefetch",
    "X-Forwarded-For": "203.0.113.7",
}
_READERS = 100  #: who get some 230 mails
_AT_ONCE = 20  #: tabs: each is waited for until its network has been idle for half a second
_HREF = re.compile(rb'(?:href|src|action|formaction)="(/[^"]*)"')


def test_a_scanner_changes_nothing(browser: Browser, service: Service) -> None:
    """Every link of mails of every kind is got, its head too, and rendered with JavaScript: no row differs."""
    last = busy(service)
    mails = [
        mail
        for who in {each.recipient for each in service.mailbox.accepted}
        for mail in service.mailbox.of(who)
    ]
    assert len(mails) >= 100
    links = {url.partition("#")[0] for mail in mails for url in mail.links if url.startswith(service.url)}
    wait_until(service.settled, timeout_s=PATIENCE_S)
    before = service.tables()
    assert all(before[table] for table in ("subscribers", "consents", "deliveries"))
    assert follow(service, links) >= {"c", "p", "u", "x", "e", "editions"}
    assert render(browser, service, links) == {"GET"}
    assert service.tables() == before
    # What was looked at would have shown a change: one reader leaves.
    assert service.post(path_of(last.link("/u/")), b"List-Unsubscribe=One-Click").status == 200
    assert service.tables() != before


def busy(service: Service) -> Mail:
    """Bring readers into every state in which they get a mail whose links do something; returns one's digest."""
    readers = [f"reader{number}@example.org" for number in range(_READERS)]
    pending, active = readers[:10], readers[10:]
    service.publish(0)
    for address in readers:
        assert service.submit("/subscribe", address=address, hour="11").status == 303
    for address in pending:
        service.mailbox.next(address)
    preferences = {address: service.confirm(service.mailbox.next(address)) for address in active}
    service.advance(hours=1)
    for address in active:
        assert service.mailbox.next(address).has("/p/")
    leaving, asking, taking, moving = (active[start : start + 10] for start in (0, 10, 20, 30))
    for address in leaving:  # goodbye
        assert service.post(path_of(service.mailbox.of(address)[-1].link("/u/"))).status == 200
    for address in asking:  # a link to the choices, for who subscribes again
        assert service.submit("/subscribe", address=address).status == 303
    for address in taking:  # links to export and erase
        assert service.post(f"{preferences[address]}/data").status == 303
    for address in moving:  # a confirmation of the new address
        assert service.submit(f"{preferences[address]}/move", address=f"new-{address}").status == 303
    for address in (*leaving, *asking, *taking):
        service.mailbox.next(address)
    asked = {address: service.mailbox.next(f"new-{address}") for address in moving}
    for address in moving[:5]:  # a notice to the old address
        service.confirm(asked[address])
        service.mailbox.next(address)
    return service.mailbox.of(active[-1])[-1]


def follow(service: Service, links: Iterable[str]) -> set[str]:
    """GET and HEAD every link, and everything of ours that its page names, as a crawler would.

    Returns:
        The kinds of links that still opened a page.
    """
    found = {path_of(link) or "/" for link in links}
    named, opened_kinds = set(), set()
    for path in found:
        answer = service.get(path, headers=_SCANNER)
        assert answer.status in (200, 404, 410), path
        if answer.status == 200:
            opened_kinds.add(kind_of(path))
        named |= {each.decode().partition("#")[0] for each in _HREF.findall(answer.body)}
    for path in named - found:
        assert service.get(path, headers=_SCANNER).status < 500, path
    for path in named | found:
        assert service.get(path, method="HEAD", headers=_SCANNER).status < 500, path
    return opened_kinds


def render(browser: Browser, service: Service, links: Iterable[str]) -> set[str]:
    """Open every link in a browser that runs scripts, and wait until nothing is loaded any more.

    Returns:
        The methods of all requests that the pages made.
    """
    methods: set[str] = set()
    with opened(browser, service.url) as window:
        window.page.context.on("request", lambda request: methods.add(request.method))
        tabs = [window.page.context.new_page() for _ in range(_AT_ONCE)]
        for some in batches(sorted(links), _AT_ONCE):
            for tab, link in zip(tabs, some, strict=False):
                tab.goto(link, wait_until="commit")
            for tab in tabs:
                tab.wait_for_load_state("networkidle")
    return methods


def batches(links: Iterable[str], size: int) -> Iterator[list[str]]:
    each = iter(links)
    while some := list(islice(each, size)):
        yield some


def kind_of(path: str) -> str:
    """The first piece of a path."""
    return path.split("/")[1] if path else ""

"""Whether the page to leave by is open, asked of the real service behind a proxy with TLS, and of others."""

from __future__ import annotations

import http.client
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from digest.compose.links import Links
from digest.deliver.delivery import OPERATOR
from digest.doctor import pages
from digest.store.database import Database
from digest.web.server import serving
from tests.factories import make_app
from tests.relay.conftest import Tls
from tests.web_server import HANG, Answer, Asked, Page, WebServer, redirect

KEYS = [b"a key of the tests, 32 bytes long"]


class Proxy(WebServer):
    """Speaks TLS, and hands every request on to where `to` points."""

    to: str

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        where = urlsplit(self.to)
        assert where.hostname is not None
        behind = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
        behind.request("GET", asked.path, headers={"Host": asked.headers["host"]})
        status = behind.getresponse().status
        behind.close()
        return Page(status=status)


def trust(monkeypatch: pytest.MonkeyPatch, tls: Tls) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.ca_file))


def test_this_service(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: Tls
) -> None:
    """The real pages know a link of their own keys; by the keys of another database they do not."""
    trust(monkeypatch, tls)
    with Proxy(tls=tls.good) as proxy:
        app = make_app(sqlite_database, tmp_path, base_url=proxy.url(""))
        with serving(app, host="127.0.0.1", port=0) as place:
            proxy.to = place
            found = pages.look(app.settings.base_url, app.link_keys())
            other = pages.look(app.settings.base_url, KEYS)
    assert (found.state, found.says) == (
        "ok",
        f"{app.settings.base_url} answers, and knows our links from forged ones",
    )
    assert other.state == "failed"
    assert "answers 404 to a link of ours, and 404 to a forged one" in other.says
    assert {asked.path.split("/")[1] for asked in proxy.asked} == {"u"}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Page(status=200), "answers 200 to a link of ours, and 404 to a forged one"),
        (Page(status=503), "answers 503 to a link of ours"),
        (redirect("https://www.example.org/"), "redirects (302): a one-click post does not follow"),
        (HANG, "cannot be asked from here"),
    ],
)
def test_answers(monkeypatch: pytest.MonkeyPatch, tls: Tls, answer: Answer, says: str) -> None:
    """What answers otherwise is told apart: an error, a redirect, silence."""
    trust(monkeypatch, tls)
    monkeypatch.setattr(pages, "_TIMEOUT_S", 0.5)
    with WebServer(tls=tls.good) as server:
        base_url = server.url("")
        ours = Links(base_url, KEYS).leave(OPERATOR)
        server.routes[urlsplit(ours).path] = answer
        found = pages.look(base_url, KEYS)
    well = answer == Page(status=200)
    assert found.state == ("ok" if well else "failed")
    assert well or says in found.says
    assert well or found.todo


@pytest.mark.parametrize("fault", ["expired", "wrong_host", "stranger"])
def test_a_certificate_that_does_not_verify(monkeypatch: pytest.MonkeyPatch, tls: Tls, fault: str) -> None:
    """A mailbox would not get through either."""
    trust(monkeypatch, tls)
    with WebServer(tls=getattr(tls, fault)) as server:
        found = pages.look(server.url(""), KEYS)
    assert found.state == "failed"
    assert "CERTIFICATE_VERIFY_FAILED" in found.says


def test_nobody_there(monkeypatch: pytest.MonkeyPatch, tls: Tls) -> None:
    """Where nothing listens, that is told."""
    trust(monkeypatch, tls)
    with WebServer(tls=tls.good) as server:
        pass
    assert pages.look(server.url(""), KEYS).state == "failed"


def test_what_is_not_tried() -> None:
    """Plain http has no one-click, and without a key no link was ever mailed: neither is asked for."""
    plain = pages.look("http://digest.example.org", KEYS)
    assert (plain.state, "RFC 8058" in plain.says) == ("warning", True)
    early = pages.look("https://digest.example.org", [])
    assert (early.state, "no link was signed yet" in early.says) == ("warning", True)

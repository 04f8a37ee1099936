"""What every route is given: tokens read by the keys that stand now."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from digest.compose.links import CONFIRM_AGE, Links
from digest.errors import ExpiredTokenError, TokenError
from digest.web.site import Tokens
from digest.wiring import App
from tests.factories import HOUR, NOW, Clock, add_subscriber

#: Who makes a link, and who reads it in a running process.
PURPOSES: dict[str, tuple[Callable[[Links], str], Callable[[Tokens, str], object]]] = {
    "leave": (lambda links: links.leave(7), lambda tokens, given: tokens.leave(given)),
    "preferences": (lambda links: links.preferences(7, 2), lambda tokens, given: tokens.preferences(given)),
    "confirm": (lambda links: links.confirm(7, 2, NOW), lambda tokens, given: tokens.confirm(given)),
    "export": (lambda links: links.export(7, 2, NOW), lambda tokens, given: tokens.export(given)),
    "erase": (lambda links: links.erase(7, 2, NOW), lambda tokens, given: tokens.erase(given)),
}


def signed(app: App, make: Callable[[Links], str]) -> str:
    """A token signed by the newest key that stands in the database now."""
    return make(Links("https://digest.example.org", app.link_keys())).rpartition("/")[2]


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_key_added_since(site_app: App, purpose: str) -> None:
    """A process reads the links of a key that was added while it ran, and those of the key before it."""
    make, read = PURPOSES[purpose]
    tokens = Tokens(site_app)
    old = signed(site_app, make)
    said = read(tokens, old)
    site_app.rotate_link_keys()
    new = signed(site_app, make)
    assert new != old
    assert read(tokens, new) == read(tokens, old) == said


def test_wrong_tokens_stay_wrong(site_app: App, clock: Clock) -> None:
    """Keys that are read anew make nothing of a forged token, and an expired one is told to have expired."""
    tokens = Tokens(site_app)
    old = signed(site_app, PURPOSES["confirm"][0])
    site_app.rotate_link_keys()
    for bad in ("", "7.2.x", old[:-1], signed(site_app, PURPOSES["leave"][0])):
        with pytest.raises(TokenError) as caught:
            tokens.confirm(bad)
        assert type(caught.value) is TokenError
    clock.now = NOW + CONFIRM_AGE + HOUR
    for token in (old, signed(site_app, PURPOSES["confirm"][0])):
        with pytest.raises(ExpiredTokenError):
            tokens.confirm(token)


def test_pages_over_a_rotation(site_app: App, client: TestClient) -> None:
    """Pages that are served all the while open with links of the old key and of the new."""
    with site_app.database.write() as conn:
        reader = add_subscriber(conn)
    urls = [signed(site_app, lambda links: links.leave(reader.id))]
    assert client.get(f"/u/{urls[0]}").status_code == 200
    site_app.rotate_link_keys()
    urls.append(signed(site_app, lambda links: links.leave(reader.id)))
    assert [client.get(f"/u/{url}").status_code for url in urls] == [200, 200]

"""Whether a reader's way out is open: the page to leave by, asked for as a mailbox provider does."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Sequence

import httpx2

from digest.compose.links import Links
from digest.deliver.delivery import OPERATOR
from digest.deliver.finding import Finding, failed, ok, warning

_TIMEOUT_S = 10.0
_CHECK = "List-Unsubscribe"


def look(base_url: str, keys: Sequence[bytes]) -> Finding:
    """Ask for the leave page by a link of ours that is no reader's, and by a forged one. Nothing is posted.

    Args:
        keys: Those that sign links; none where no mail was ever planned.
    """
    if not base_url.startswith("https://"):
        return warning(
            _CHECK,
            f"base_url is {base_url}: one-click wants https (RFC 8058), and mailboxes show no button without",
            "put a proxy with TLS in front, and let base_url begin with https://",
        )
    if not keys:
        return warning(
            _CHECK, "no link was signed yet, so none can be tried", "run `digest send`, then look again"
        )
    forged = Links(base_url, [secrets.token_bytes(32)]).leave(OPERATOR)
    try:
        answers = [_status(url) for url in (Links(base_url, keys).leave(OPERATOR), forged)]
    except (httpx2.HTTPError, OSError) as error:
        return failed(
            _CHECK,
            f"{base_url} cannot be asked from here: {error or type(error).__name__}",
            "see that `digest serve` or `digest web` runs, and that the proxy and its certificate are right",
        )
    if answers == [200, 404]:
        return ok(_CHECK, f"{base_url} answers, and knows our links from forged ones")
    if 300 <= answers[0] < 400:
        return failed(
            _CHECK,
            f"{base_url} redirects ({answers[0]}): a one-click post does not follow",
            "let base_url be the address that it ends at",
        )
    return failed(
        _CHECK,
        f"{base_url} answers {answers[0]} to a link of ours, and {answers[1]} to a forged one, where 200 and 404 belong",
        "see that it is this service, on this database, that the proxy hands requests to with their Host",
    )


def _status(url: str) -> int:
    # The body is not read: whatever answers may send one without end.
    trusted = ssl.create_default_context()
    with (
        httpx2.Client(verify=trusted, timeout=_TIMEOUT_S, trust_env=False, follow_redirects=False) as client,
        client.stream("GET", url) as answer,
    ):
        return int(answer.status_code)

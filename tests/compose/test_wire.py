"""The wire's own rules: a mail that breaks one is found."""

from __future__ import annotations

import pytest

from digest.deliver.delivery import Kind
from tests.compose.samples import FIVE, PAPERS, by_key, composer, delivery
from tests.wire import assert_wire

GOOD = composer().message(FIVE, by_key(PAPERS)).data


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"MIME-Version: 1.0\r\n", b""),
        (b"MIME-Version: 1.0\r\n", b"MIME-Version: 1.0\n"),
        (b"MIME-Version: 1.0\r\n", b"MIME-Version: 1.0\r\nBcc: evil@example.org\r\n"),
        (b"MIME-Version: 1.0\r\n", b"MIME-Version: 1.0\r\nDate: Fri, 20 Nov 2026 07:00:05 +0000\r\n"),
        (b"Precedence: bulk", b"Precedence: list"),
        (b"auto-generated", b"no"),
        (b"<https://digest.example.org/u/", b"<http://digest.example.org/u/"),
        (b"List-Unsubscribe: <https://digest", b"List-Unsubscribe: <https://dig\r\n est"),
        (b">, <mailto:", b">,\r\n <mailto:"),
        (b"List-Unsubscribe: <https://digest.example.org", b"List-Unsubscribe: <https://other.example.org"),
        (b"List-Unsubscribe: <", b"List-Unsubscribe: =?utf-8?q?x?= <"),
        (b"=One-Click", b"=Yes"),
        (b"Subject: =?utf-8?q?", b"Subject: =?utf-8?q?xxxxxxxxxx"),
        (b"Subject: ", b"Subject: \xc3\xa9"),
        (b"Looking Twice", b"." * 1000),
        (b"\r\nLooking Twice", b"\r\n.Looking Twice"),
        (b"Looking Twice", b"Looking\0Twice"),
        (b"<p ", b"<img src=3Dx ><p "),
        (b"<p ", b"<p onclick=3Dx "),
        (b'href=3D"https:', b'href=3D"javascript:'),
        (b"text/plain", b"text/calendar"),
        (b'charset="utf-8"', b'charset="latin-1"'),
        (b"--\r\n", b""),
    ],
)
def test_broken(old: bytes, new: bytes) -> None:
    """Each broken rule fails."""
    assert old in GOOD
    with pytest.raises((AssertionError, UnicodeDecodeError)):
        assert_wire(GOOD.replace(old, new))


def test_kinds() -> None:
    """A digest is no transactional mail, nor the other way round."""
    with pytest.raises(AssertionError):
        assert_wire(GOOD, bulk=False)
    with pytest.raises(AssertionError, match="missing"):
        assert_wire(composer().message(delivery(kind=Kind.GOODBYE), {}).data)

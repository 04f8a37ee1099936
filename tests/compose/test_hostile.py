"""Titles, abstracts, names and reasons that mean harm come out as text, in one mail."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from digest.deliver.alarm import Alarm, AlarmName, note_of
from digest.rank.selection import Reason, ReasonKind
from tests.compose.samples import ALARM, LINKS, by_key, composer, delivery, paper, picks
from tests.wire import assert_wire

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "image": '"><img src=x onerror=alert(1)>',
    "single quote": "'><svg/onload=alert(1)>",
    "mso": "<!--[if mso]><h1>x</h1><![endif]-->",
    "comment": "--> <!-- ]]> </style></title></td></table>",
    "template": "{{7*7}} {% raw %} {# x #} {{ leave_url }}",
    "our own tokens": "jinja0x <!--jinja1x--> \x01leave_url\x02 \x0e",
    "link": "javascript:alert(1) [x](javascript:alert(1))",
    "bidi": "\u202etxt.exe\u202c \u2067x\u2069",
    "zero width": "a\u200bb\u200cc\u200dd\ufeffe",
    "dot": "end\r\n.\r\nMAIL FROM:<evil@example.org>",
    "bare": "a\rb\nc\n.\n\r.\r",
    "header": "x\r\nBcc: evil@example.org\r\n\r\nbody",
    "encoded word": "paper =?UTF-8?Q?x=0D=0ABcc:_evil@x.y?= end",
    "encoded word, base64": "=?utf-8?b?DQpCY2M6IGV2aWxAeC55?=",
    "boundary": "--=_cb79f1cb49d42f295c99baea--\r\n--=_cb79f1cb49d42f295c99baea",
    "surrogate": "\ud800 lone \udfff",
    "controls": "\0\x01\x02\x07\x1b[31m\x7f\x9b",
    "entities": "&lt;script&gt; &#x3c;script&#x3e; &amp;amp;",
    "quoted-printable": "=3Cscript=3E =\r\n=",
    "huge": "<b>" * 3_500_000,
    "one word": "x" * 5_000,
    "blank": " \u200b\u2028 ",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_inert(text: str) -> None:
    """One message with its own headers comes out, and nothing in it runs, loads, hides or links."""
    reason = Reason(kind=ReasonKind.INTEREST, label=text, words=(text, "word"))
    bad = paper(1, text, text, authors=(text, "Ada"), url=text, code_url=f"javascript:{text}")
    good = paper(2, "A quiet paper", "It says little.", url="https://papers.example.org/2")
    mail = composer().message(delivery(picks([bad, good], [(reason,), (reason,)])), by_key([bad, good]))
    wire = assert_wire(mail.data)
    assert mail.data.count(b"\r\n--=_") == 3
    assert b"\r\nBcc" not in mail.data
    assert "A quiet paper" in wire.text
    assert "A quiet paper" in wire.html
    assert not re.search(r"\b49\b", wire.text)
    # The frame's own links, the good paper's two, and no other.
    assert len(wire.links) == 6
    for part in (wire.text, wire.html):
        assert not set(part) & set("\u202e\u2067\u200b\u200c\u200d\ufeff\x00\x01\x02\x07\x0e\x1b\x7f\x9b")
    assert wire.html.count("<h1") == 1
    assert wire.html.count("<h2") == 2
    assert wire.html.count("<!--") == 3  # the frame's own, for Outlook
    assert len(mail.data) < 40_000


@pytest.mark.parametrize(
    "name", ["template", "script", "mso", "entities", "encoded word", "quoted-printable"]
)
def test_literal(name: str) -> None:
    """What looks like code is shown as it was written, in the text part and in the subject."""
    text = " ".join(HOSTILE[name].split())
    one = paper(1, text, text)
    wire = assert_wire(composer().message(delivery(picks([one])), by_key([one])).data)
    assert " ".join(wire.text.split()).count(text) == 2
    assert wire.headers["subject"] == f"1 paper for you: {text}"


def test_subject_is_one_line() -> None:
    """A title with line breaks, or of any length, makes one Subject of moderate length."""
    for text in ("a\r\n b\nc " * 100, "多言語" * 1_000, "=?utf-8?q?" * 100):
        one = paper(1, text)
        wire = assert_wire(composer().message(delivery(picks([one])), by_key([one])).data)
        assert len(wire.headers["subject"]) <= len("1 paper for you: ") + 60


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_an_inert_alarm(text: str) -> None:
    """A dump's name, or what a server answered, stands in an alarm as text; its subject is made of our words alone."""
    alarms = [
        Alarm(name=AlarmName.DUMP_QUARANTINED, about=text, text=f"The dump {text} could not be read."),
        Alarm(name=AlarmName.SOURCE_FAILING, about="arxiv", text=text),
    ]
    mail = composer().message(replace(ALARM, note=note_of(alarms)), {})
    wire = assert_wire(mail.data, bulk=False)
    assert wire.headers["subject"] == "Digest: A source fails, and 1 more alarm"
    assert b"\r\nBcc" not in mail.data
    assert mail.data.count(b"\r\n--=_") == 3
    assert wire.links == (LINKS.base_url,)
    assert not re.search(r"\b49\b", wire.text)
    for part in (wire.text, wire.html):
        assert not set(part) & set("\u202e\u2067\u200b\u200c\u200d\ufeff\x00\x01\x02\x07\x0e\x1b\x7f\x9b")
    assert len(mail.data) < 40_000

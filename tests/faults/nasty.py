"""Papers and readers that mean harm, or are as odd as is allowed, and what a digest may show of them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from itertools import cycle, islice

from digest.errors import PreferenceError
from digest.subscribers.address import normalise
from digest.subscribers.preferences import profile
from digest.subscribers.subscriber import Profile

#: By what each of them tries.
TEXTS = {
    "script": "<script>alert(1)</script><style>*{display:none}</style>",
    "image": '"><img src=x onerror=alert(1)>',
    "single quote": "'><svg/onload=alert(1)>",
    "conditional comment": "<!--[if mso]><h1>x</h1><![endif]--> <![if !mso]>",
    "comment": "--> <!-- ]]> </style></title></td></table></body></html>",
    "template": "{{7*191}} {% raw %} {# x #} {{ leave_url }} ${7*191} #{7*191}",
    "our own marks": "jinja0x <!--jinja1x--> \x01leave_url\x02 \x0e",
    "link": "javascript:alert(1) [x](javascript:alert(1)) data:text/html,<b>",
    "bidi": "\u202etxt.exe\u202c \u2067x\u2069 \u200f\u061c",
    "zero width": "a\u200bb\u200cc\u200dd\ufeffe\u00ad\u2060 \U000e0041\U000e0042",
    "end of data": "end\r\n.\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<evil@example.org>\r\nDATA",
    "bare": "a\rb\nc\n.\n\r.\r\n\n.\r\n",
    "dots": ".\n..\n...\n.a\n" * 50,
    "header": "x\r\nBcc: evil@example.org\r\n\r\nbody",
    "encoded word": "paper =?UTF-8?Q?x=0D=0ABcc:_evil@x.y?= end",
    "encoded word, base64": "=?utf-8?b?DQpCY2M6IGV2aWxAeC55?=",
    "boundary": "--=_cb79f1cb49d42f295c99baea--\r\n--=_cb79f1cb49d42f295c99baea",
    "surrogate": "\ud800 lone \udfff",
    "controls": "\0\x01\x02\x07\x1b[31m\x7f\x9b",
    "entities": "&lt;script&gt; &#x3c;script&#x3e; &amp;amp; &#0; &#xd800;",
    "quoted-printable": "=3Cscript=3E =\r\n= =0D=0A.=0D=0A",
    "postmark": "From evil@example.org Thu Jan  1 00:00:00 1970\nFrom here on, >From there",
    "one word": "x" * 5_000,
    "one word beyond ASCII": "長" * 2_000,
    "emoji": "\U0001f469\U0001f3fd\u200d\U0001f52c \U0001f1e9\U0001f1ea \u2764\ufe0f" * 20,
    "right to left": "ورقة عن الطائرات الورقية וגם על לחם",
    "marks": "z" + "\u0301\u0327\u0488" * 300,
    "formulas": r"$\frac{a}{b}$ \input{/etc/passwd} \href{javascript:x}{y} 50% off $x<y$ \\ \begin{x}",
    "call": "Click here to unsubscribe, click below: http://evil.example.org/u/1 https://evil.example.org",
    "addresses": "mailto:evil@example.org https://evil.example.org/u/1 www.evil.example.org @evil",
    "sentences": "A flies. B bakes! " * 900,
}
#: Where a paper says that it is; none but the last two can stand behind a link.
URLS = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)//https://example.org",
    "data:text/html,<script>alert(1)</script>",
    "https://user:pass@evil.example.org/",
    'https://example.org/"><img src=x onerror=alert(1)>',
    "https://example.org/a\r\nBcc: evil@example.org",
    "https://example.org/{{7*191}}",
    "https://example.org\\@evil.example.org",
    "https://papers.example.org/it's?a=b&c=d#e",
    "https://papers.example.org/" + "a" * 800,
)
#: Nothing of these may reach a reader, in either part.
HIDDEN = frozenset(
    "\u202e\u2067\u200f\u061c\u200b\u200c\u200d\ufeff\u00ad\u2060\x00\x01\x02\x07\x0e\x1b\x7f\x9b"
)
_WIDE = '<"&'  #: 14 bytes where it was escaped: forty papers of it are too much for a mail
HUGE = "<b>kites</b> and (bread) " * 450_000  #: 10 MB


def as_api(day: dt.date) -> bytes:
    """An answer of the daily-papers API: each text as title, abstract and author, beside one of 10 MB."""
    rows: list[dict[str, object]] = [
        {
            "title": f"Kites no. {number}: {text[:1900]}",
            "summary": f"{text} of bread. " * 3,
            "authors": [text, f"{text} Ada"],
        }
        for number, text in enumerate(TEXTS.values(), 1)
    ]
    rows += [
        {
            "title": f"Kites no. {200 + number}: wide {_WIDE * 150}",
            "summary": _WIDE * 300,
            "authors": [_WIDE * 30] * 5,
        }
        for number in range(40)
    ]
    rows.append({"title": "Kites no. 0: of ten megabytes", "summary": HUGE, "authors": ["Ada"] * 500})
    return json.dumps([_api_row(row, place, day) for place, row in enumerate(rows)]).encode()


def _api_row(row: dict[str, object], place: int, day: dt.date) -> dict[str, object]:
    stamp = f"{day.isoformat()}T00:00:00.000Z"
    names = row.pop("authors")
    assert isinstance(names, list)
    paper = {
        **row,
        "id": f"2401.{place:05d}",
        "upvotes": place,
        "publishedAt": stamp,
        "submittedOnDailyAt": stamp,
        "authors": [{"name": name} for name in names],
        "githubRepo": URLS[place % len(URLS)],
        "projectPage": URLS[place % len(URLS)],
    }
    return {"paper": paper, "title": row["title"], "publishedAt": stamp, "numComments": 0}


def as_feed(day: dt.date) -> bytes:
    """A JSON feed of papers whose own addresses are the odd ones."""
    items = [
        {
            "id": f"https://doi.org/10.5555/kites.{place}",
            "url": url,
            "title": f"Kites no. {100 + place}: on {url[:60]}",
            "content_text": f"What flies on a string, and what it says of itself: {url}. " * 4,
            "authors": [{"name": f"Ada {url}"}],
            "date_published": f"{day.isoformat()}T00:00:00Z",
        }
        for place, url in enumerate(URLS)
    ]
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": "Kites", "items": items}
    return json.dumps(feed).encode()


def numbers() -> set[int]:
    """What the titles of those papers are numbered with that some reader has to be shown."""
    return {*range(1, len(TEXTS) + 1), *range(100, 100 + len(URLS))}


#: One address each for reader {n}: all forms that can be mailed.
_ADDRESSES = (
    "reader{n}@example.org",
    "Reader.{n}@Example.ORG",
    "reader+papers+{n}@example.org",
    "o'brien.{n}@example.org",
    "!#$%&'*+-/=^_`{{|}}~{n}@example.org",
    "-{n}-@example.org",
    "{n}@a.very.deep.name.of.a.host.example.org",
    "leser{n}@bücher.example.org",
    "reader{n}@例え.example.org",
    "{n:x>64}@example.org",
    "{n}@" + ".".join(letter * 60 for letter in "xyz") + ".example.org",
    "reader{n}@xn--bcher-kva.example.net",
)


def addresses(count: int) -> list[str]:
    """So many addresses of every form."""
    return [
        normalise(form.format(n=number)) for number, form in enumerate(islice(cycle(_ADDRESSES), count), 1)
    ]


def profiles(count: int) -> list[Profile]:
    """So many wishes: topics, none, and whatever of the texts above may be entered as an interest or a rule."""
    return list(islice(cycle(_profiles()), count))


def _profiles() -> Iterator[Profile]:
    """Each matches something: all titles are about kites."""
    topics = ("kites", "baking")
    for place, text in enumerate(TEXTS.values()):
        for wanted in (
            {"topics": topics[: place % 3]},
            {"topics": topics[1:], "interests": ["kites", text[:190]]},
            {"topics": topics[:1], "include": [text[:190], f"author:{text[:100]}"]},
            {"topics": topics, "exclude": ["wide", text[:190]]},
        ):
            try:
                yield profile(known_topics=topics, cap=(1, 3, 10, 50)[place % 4], **wanted)
            except PreferenceError:
                continue

"""CSS is inlined on the template's source, and comes out as if each message had been inlined."""

from __future__ import annotations

import re
import sys
from dataclasses import asdict
from types import ModuleType

import jinja2
import pytest
from lxml import html as lxml_html
from premailer import Premailer

from digest.compose import inline
from digest.compose.inline import inlined
from digest.compose.preview import html_part
from digest.compose.templates import Templates, render
from digest.compose.views import paper_view, reason_views
from tests.compose.samples import FIVE, LINKS, PAPERS, REASONS, TEMPLATES, by_key, composer

PAGE = """{% if x %}{% endif %}
<!doctype html>
<html lang="en"><head><title>{{ t }} {# not shown #}</title>
<style>.a { color: red; width: 3px } .b { margin: 0 !important } p:hover { color: blue }
td { font-family: 'A B', sans-serif; text-align: left }</style>
<style data-premailer="ignore">@media (prefers-color-scheme: dark) { .a { color: white !important } }</style>
</head><body>
{% for p in ps if p > 1 %}
    <p class="a b" title="{{ p if p > 2 else '<' }}">{% if p %}<b>{{ p }}</b>{% endif %}</p>
    <table>{% if p %}<tr><td><a href="{{ url }}?a=1&amp;b={{ b }}">x</a></td></tr>{% endif %}</table>
{% endfor %}
<!--[if mso]><p>{{ t }}</p>{% if t %}{% endif %}<![endif]-->
</body></html>
{% if y %}{% endif %}
"""


def test_source() -> None:
    """Styles move to the elements, and every Jinja tag stays what and where it was."""
    made = inlined(PAGE)
    tags = r"\{[{%#].*?[}%#]\}"
    assert re.findall(tags, made) == re.findall(tags, PAGE)
    assert '<p class="a b" title="{{ p if p > 2 else \'<\' }}"' in made
    assert "color:red" in made
    assert "margin:0 !important" in made
    assert 'href="{{ url }}?a=1&amp;b={{ b }}"' in made
    assert "<table>{% if p %}<tr><td style=\"font-family:'A B',sans-serif;text-align:left\">" in made
    assert "<!--[if mso]><p>{{ t }}</p>{% if t %}{% endif %}<![endif]-->" in made


def test_kept() -> None:
    """The doctype, media queries word for word and pseudo-classes stay; the rest of the sheet goes."""
    made = inlined(PAGE)
    assert "<!doctype html>\n<html" in made
    assert "@media (prefers-color-scheme: dark) { .a { color: white !important } }" in made
    assert "p:hover" in made
    assert "td {" not in made
    assert 'width="3"' not in made
    assert 'align="left"' not in made
    assert made.startswith("{% if x %}{% endif %}\n")
    assert made.endswith("</html>\n{% if y %}{% endif %}\n")


def test_quiet(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    """CSS that cssutils does not know raises no complaint."""
    inlined(
        "<html><head><style>p { mso-foo: 1; color-scheme: light dark; inset: 0 }</style></head><p>x</html>"
    )
    assert not caplog.records
    assert capsys.readouterr() == ("", "")


def test_no_page() -> None:
    """What is no whole page cannot be inlined."""
    with pytest.raises(ValueError, match="no <html>"):
        inlined("<p>x</p>")


def whole(values: dict[str, object]) -> str:
    """The digest as it was written, rendered first and inlined afterwards, message by message."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=lambda name: (name or "").endswith(".html"),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["wrap"] = str
    page = environment.get_template("digest/body.html").render(values)
    doctype, _, rest = page.partition("<html")
    options = {"strip_important": False, "disable_validation": True, "allow_network": False}
    unwanted = ["align", "valign", "bgcolor", "width", "height"]
    return doctype + str(Premailer("<html" + rest, disable_basic_attributes=unwanted, **options).transform())


def values() -> dict[str, object]:
    papers = [
        {**asdict(paper_view(paper, abstract_chars=360)), "reasons": reason_views(reasons)}
        for paper, reasons in zip(PAPERS, REASONS, strict=True)
    ]
    preferences = LINKS.preferences(FIVE.subscriber_id, FIVE.epoch)
    return {
        "product": "Digest",
        "postal_address": ("Example Lab", "1 Example Street, 12345 Sampletown"),
        "base_url": LINKS.base_url,
        "address": FIVE.recipient,
        "date": "Friday, 20 November 2026",
        "edition_date": "20 November 2026",
        "edition_url": LINKS.edition(FIVE.local_date),
        "zone": "Europe/Berlin",
        "count": 5,
        "more": 12,
        "preheader": " · ".join(str(paper["short_title"]) for paper in papers[1:4]),
        "preferences_url": preferences,
        "pause_url": f"{preferences}#pause",
        "leave_url": LINKS.leave(FIVE.subscriber_id),
        "papers": papers,
    }


def bare(page: str) -> str:
    """The page as lxml writes it, without any white space, quotes of fonts all alike."""
    tree = lxml_html.fromstring(page)
    return re.sub(r"\s|&#34;|&quot;|\"|'", "", lxml_html.tostring(tree, encoding="unicode"))


def test_as_if_per_message() -> None:
    """Inlined once and joined from pieces, a digest is what premailer makes of that very message."""
    sent = html_part(composer().message(FIVE, by_key(PAPERS)))
    assert bare(sent) == bare(whole(values()))


def test_pieces_are_the_page() -> None:
    """The joined pieces are the template rendered whole, but for blank lines."""
    sent = html_part(composer().message(FIVE, by_key(PAPERS)))
    page = render(Templates.load(TEMPLATES).mails["digest"].html, values())
    assert re.sub(r"\s", "", sent) == re.sub(r"\s", "", page)


def test_requests_is_put_back_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has imported requests before keeps it; where nobody has, none is left behind."""
    mine = ModuleType("requests")
    monkeypatch.setitem(sys.modules, "requests", mine)
    inline._premailer()
    assert sys.modules["requests"] is mine
    monkeypatch.delitem(sys.modules, "requests")
    inline._premailer()
    assert "requests" not in sys.modules

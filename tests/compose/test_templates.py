"""Templates: checked whole when they are loaded, and precise about what is wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from digest.compose.templates import BLOCKS, Templates, render, render_block
from digest.compose.views import SAMPLES
from digest.deliver.delivery import Kind
from digest.errors import TemplateError
from tests.compose.samples import TEMPLATES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the project's templates, to break."""
    return Path(shutil.copytree(TEMPLATES, tmp_path / "mails"))


def append(file: Path, text: str) -> int:
    """Write a line at the end, and tell its number."""
    file.write_text(file.read_text() + text + "\n")
    return file.read_text().count("\n")


def test_load() -> None:
    """The project's own templates load, each mail in three files."""
    templates = Templates.load(TEMPLATES)
    assert set(templates.mails) == set(Kind)
    assert len(templates.version) == 12
    assert templates.version == Templates.load(TEMPLATES).version


@pytest.mark.parametrize("file", ["_scheme.css", "digest/body.txt", "goodbye/subject.txt"])
def test_version(folder: Path, file: str) -> None:
    """Any change to any file is another version."""
    before = Templates.load(folder).version
    append(folder / file, "")
    assert Templates.load(folder).version != before


@pytest.mark.parametrize(
    "file", ["confirm/body.html", "confirm/body.txt", "digest/subject.txt", "_head.html"]
)
def test_syntax(folder: Path, file: str) -> None:
    """A template that does not compile is named, with the line."""
    number = append(folder / file, "{% if %}")
    with pytest.raises(TemplateError, match=rf"{file}, line {number}: "):
        Templates.load(folder)


@pytest.mark.parametrize("file", ["confirm/body.html", "confirm/body.txt", "digest/subject.txt"])
def test_unknown_value(folder: Path, file: str) -> None:
    """A value that nobody gives is found, also in a branch that is not taken."""
    number = append(folder / file, "{% if false %}{{ colour }}{% endif %}")
    with pytest.raises(TemplateError, match=rf"{file}, line {number}: 'colour' is not given"):
        Templates.load(folder)


def test_unknown_attribute(folder: Path) -> None:
    """What a value does not have is found by trying, and the place is named."""
    file = folder / "digest" / "body.txt"
    file.write_text(file.read_text().replace("{{ paper.title | wrap }}", "{{ paper.colour }}"))
    number = file.read_text().partition("{{ paper.colour")[0].count("\n") + 1
    with pytest.raises(TemplateError, match=rf"digest/body.txt, line {number}: .*colour"):
        Templates.load(folder)


def test_unknown_filter(folder: Path) -> None:
    """A filter that does not exist is a template that does not compile."""
    append(folder / "confirm" / "body.txt", "{{ product | shout }}")
    with pytest.raises(TemplateError, match=r"confirm/body.txt, line .*shout"):
        Templates.load(folder)


def test_missing_file(folder: Path) -> None:
    """A missing file is named."""
    (folder / "goodbye" / "body.txt").unlink()
    with pytest.raises(TemplateError, match=r"goodbye.body\.txt"):
        Templates.load(folder)


def test_not_text(folder: Path) -> None:
    """A file that is not UTF-8 stops the loading."""
    (folder / "goodbye" / "body.txt").write_bytes(b"\xff")
    with pytest.raises(TemplateError, match="cannot be read"):
        Templates.load(folder)


def test_missing_partial(folder: Path) -> None:
    """A partial that is not there is named, with the line that asks for it."""
    number = append(folder / "confirm" / "body.txt", '{% include "_colour.txt" %}')
    with pytest.raises(TemplateError, match=rf"confirm/body.txt, line {number}: there is no '_colour.txt'"):
        Templates.load(folder)


def test_missing_partial_unseen(folder: Path) -> None:
    """It is found also in a branch that is not taken."""
    file = folder / "confirm" / "body.html"
    file.write_text(file.read_text().replace("<h1>", '{% if false %}{% include "_no.html" %}{% endif %}<h1>'))
    with pytest.raises(TemplateError, match=r"confirm/body.html: there is no '_no.html'"):
        Templates.load(folder)


def test_no_page(folder: Path) -> None:
    """An HTML body that is no whole page is named."""
    (folder / "goodbye" / "body.html").write_text("<p>x</p>")
    with pytest.raises(TemplateError, match=r"goodbye/body.html: .*no <html>"):
        Templates.load(folder)


@pytest.mark.parametrize("part", ["body.html", "body.txt"])
@pytest.mark.parametrize("block", BLOCKS)
def test_missing_block(folder: Path, part: str, block: str) -> None:
    """A digest without one of its pieces is refused."""
    file = folder / "digest" / part
    file.write_text(file.read_text().replace(f"{{% block {block} ", f"{{% block other_{block} "))
    with pytest.raises(TemplateError, match=f"digest/{part}: has no block '{block}'"):
        Templates.load(folder)


def test_late_failure() -> None:
    """What fails only with some values is a TemplateError as well, in a block or a whole template."""
    mail = Templates.load(TEMPLATES).mails["digest"]
    with pytest.raises(TemplateError, match=r"digest/subject\.txt, line 1: .*first_title"):
        render(mail.subject, {"count": 1})
    with pytest.raises(TemplateError, match=r"digest/body\.html, line [0-9]+: .*reasons"):
        render_block(mail.html, "reasons", {"paper": {}})


def test_escaping() -> None:
    """HTML is escaped, text is not."""
    mail = Templates.load(TEMPLATES).mails["confirm"]
    given = {**SAMPLES["confirm"], "product": "<A & B>"}
    assert "&lt;A &amp; B&gt;" in render(mail.html, given)
    assert "<A & B>" not in render(mail.html, given)
    assert "<A & B>" in render(mail.text, given)


@pytest.mark.parametrize("name", Kind)
def test_nothing_remote(name: str) -> None:
    """No template loads, runs or tracks anything."""
    page = render(Templates.load(TEMPLATES).mails[name].html, SAMPLES[name])
    for word in ("<img", "<script", "src=", "url(", "@import", "@font-face", "<link"):
        assert word not in page
    assert page.lstrip().startswith("<!DOCTYPE html>")
    assert '<html lang="en">' in page
    assert '<meta name="color-scheme" content="light dark">' in page
    assert "@media (prefers-color-scheme: dark)" in page
    assert page.count("<table") == page.count('<table role="presentation"')
    assert page.count("<h1") == 1


@pytest.mark.parametrize("name", Kind)
def test_without_postal_address(name: str) -> None:
    """An operator without a postal address gets no empty place for it."""
    mail = Templates.load(TEMPLATES).mails[name]
    given = {**SAMPLES[name], "postal_address": ()}
    assert "<p></p>" not in "".join(line.strip() for line in render(mail.html, given).split("\n"))
    assert "\n\n\n" not in render(mail.text, given).strip()

"""Feeds that are broken, cut, hostile or huge: a reason with its line, and no more memory than a piece takes."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest.errors import DumpError
from digest.ingest.formats import feed
from digest.ingest.formats import read as read_any
from digest.ingest.formats.feed import markup
from digest.ingest.record import Record
from tests.ingest.feeds import ABSTRACT, KINDS, Listed

LISTED = Listed(doi="10.1000/loaves", comment="3 figures", authors=("Ada Lind", "Bo Ek", "Cy Moe"))
ITEM = "<item><title>A</title><link>https://arxiv.org/abs/2611.01234</link></item>"
BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 10}">' for n in range(10))


def refusal(data: bytes) -> DumpError:
    """Read to the end, which must not come."""
    with pytest.raises(DumpError) as caught:
        list(feed.read(data).items)
    return caught.value


@pytest.mark.parametrize(
    ("prolog", "line"),
    [
        (f"<!DOCTYPE rss [{BOMB}]>", 1),
        ("<?xml version='1.0'?>\n<!-- a -->\n<!DOCTYPE rss SYSTEM 'http://127.0.0.1/x.dtd'>", 3),
        ("<!doctype rss>", 1),
        ('<!DOCTYPE rss [<!ENTITY a SYSTEM "file:///etc/hostname">]>', 1),
    ],
)
def test_declarations_are_refused_unread(prolog: str, line: int) -> None:
    """No entity is expanded, no file or address opened: the parser never starts."""
    error = refusal(f"{prolog}<rss><channel><item><title>&e9;&a;</title></item></channel></rss>".encode())
    assert (error.reason, error.line) == ("XML that declares a document type or entities", line)


@pytest.mark.parametrize(
    ("body", "reason", "line"),
    [
        (f"\n{ITEM}\n<item>&unknown;</item>", "Entity 'unknown' not defined", 3),
        (f"\n{ITEM}\n\n<item>&nbsp</item>", "EntityRef: expecting ';'", 4),
        (f"{ITEM}\n<item><title>AT&T</title></item>", "EntityRef: expecting ';'", 2),
        (f"{ITEM}\n<item><title>A</titel></item>", "Opening and ending tag mismatch", 2),
        (f"{ITEM}\n<item><dc:date>x</dc:date></item>", "Namespace prefix dc on date is not defined", 2),
        (f"{ITEM}\n<item>&#x;</item>", "xmlParseCharRef: invalid xmlChar value 0", 2),
        (f"{ITEM}\n<item a='1' a='2'/>", "Attribute a redefined", 2),
        (f"{ITEM}\n\0", "", 2),
        (f"{ITEM}\n{'<a>' * 100_000}", "Excessive depth in document: 256", 2),
        (f"{ITEM}\n<item><title>{'x' * 10_100_000}</title></item>", "Text node too long", 2),
        (f"{ITEM}\n<item><title><![CDATA[{'x' * 10_100_000}]]></title></item>", "CData section too big", 2),
        (f"{ITEM}\n<item>{'<a/>' * 50_001}</item>", "an entry of too many elements", 2),
        (f"{ITEM}\n<image>{'<a/>' * 50_001}</image>", "an entry of too many elements", 2),
    ],
)
def test_broken_xml_has_a_reason_and_a_line(body: str, reason: str, line: int) -> None:
    """Whatever is wrong with it; what was read before it does not count."""
    error = refusal(f"<rss><channel>{body}</channel></rss>".encode())
    assert reason in error.reason
    assert error.line == line


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<rss/><rss/>", "Extra content at the end of the document"),
        (b"<rss><channel/></rss> more", "Extra content at the end of the document"),
        (b"<html/>", "XML, but not a feed"),
        (b"<rss", "Couldn't find end of Start Tag rss"),
        (b"<rss></rss>", "no papers in it"),
        (b"<feed/>", "no papers in it"),
        (b"<rss>\xff</rss>", "Invalid bytes in character encoding"),
    ],
)
def test_what_is_no_feed_is_refused(data: bytes, reason: str) -> None:
    """With the reason."""
    assert reason in refusal(data).reason


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "json-feed"])
def test_a_cut_feed_is_refused_wherever_it_is_cut(kind: str) -> None:
    """A feed that ends early is not read as a small one."""
    data = KINDS[kind]([LISTED, LISTED])
    for end in range(data.rindex(b">") - 1, 0, -37):
        with pytest.raises(DumpError) as caught:
            list(feed.read(data[:end]).items)
        assert caught.value.line <= data.count(b"\n", 0, end) + 1


def test_elements_of_any_kind_pass_by() -> None:
    """What is not known is skipped, nested entries too; a feed of atom's links in RSS is read by them."""
    odd = (
        "<x><item><title>no</title></item></x><cloud/><a:link href='https://arxiv.org/abs/2611.01234'/><z:z/>"
    )
    data = f"<rss xmlns:a='http://www.w3.org/2005/Atom' xmlns:z='z'><channel>{odd}<item><title>A</title>{odd}</item></channel></rss>"
    (record,) = feed.read(data.encode()).items
    assert isinstance(record, Record)
    assert (record.title, record.arxiv_id) == ("A", "2611.01234")


@settings(deadline=None, max_examples=150)
@given(
    kind=st.sampled_from(list(KINDS)),
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=6)), max_size=4),
)
@example(kind="rss", changes=[(0, b"")])
def test_mutations_raise_nothing_but_dump_errors(kind: str, changes: list[tuple[int, bytes]]) -> None:
    """Through the dispatcher, and by the reader of XML alone, which may be given what is no UTF-8."""
    data = bytearray(KINDS[kind]([LISTED, LISTED]))
    for place, change in changes:
        at = place % len(data)
        data[at : at + len(change)] = change
    for read in (read_any, *([] if kind == "json-feed" else [feed.read])):
        try:
            found = list(read(bytes(data)).items)
        except DumpError as error:
            assert error.line <= data.count(b"\n") + 2
        else:
            assert found


_TAGS = ["<item>", "</item>", "<title>", "</title>", "<link>", "</link>", "<entry", ">", "</", "<!DOCTYPE"]
_MARKS = ["&nbsp;", "&lt;", "&", "<![CDATA[", "]]>", "<!--", "-->", "<?a", "?>", "'", '"', "\n", "é", "x"]
_SIGNS = st.sampled_from([*_TAGS, *_MARKS, "https://arxiv.org/abs/2611.01234"])


@settings(deadline=None, max_examples=150)
@given(signs=st.lists(_SIGNS, max_size=30))
def test_any_sequence_of_signs_is_a_feed_or_a_dump_error(signs: list[str]) -> None:
    """In a channel, and behind it."""
    text = "".join(signs)
    for data in (
        f"<rss><channel>{ITEM}{text}</channel></rss>",
        f"<rss><channel>{ITEM}</channel></rss>{text}",
    ):
        try:
            assert list(feed.read(data.encode()).items)
        except DumpError as error:
            assert error.reason


def test_no_cut_between_pieces_is_seen() -> None:
    """Bytes go to the parser in pieces; entities, signs of several bytes and tags stand across their ends."""
    for shift in range(0, 90, 7):
        head = f"<rss><channel><!--{'x' * (65_536 - 60 + shift - 19)}-->"
        item = (
            "<item><title>Caf&eacute; &mdash; né</title><link>https://arxiv.org/abs/2611.01234</link></item>"
        )
        (record,) = feed.read(f"{head}{item}</channel></rss>".encode()).items
        assert isinstance(record, Record)
        assert record.title == "Café — né"


@pytest.mark.parametrize("kind", ["arxiv-rss", "atom", "json-feed"])
def test_no_more_than_a_piece_is_held(kind: str) -> None:
    """Python holds no second copy of a feed while it is read, nor all of its records."""
    data = KINDS[kind](
        [Listed(abstract=ABSTRACT * 3, arxiv_id=f"2611.{number:05}") for number in range(1_200)]
    )
    assert len(data) > 1_200_000
    tracemalloc.start()
    reading = feed.read_json(data) if kind == "json-feed" else feed.read(data)
    for _ in reading.items:
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_150_000, peak


@pytest.mark.parametrize(
    "unit",
    [
        f"{ITEM}\n",
        f"{ITEM}<x/>",
        f"{ITEM}<x><y><z/></y>text</x>",
        f"{ITEM}text and more text",
        f"{ITEM}<!-- a --><?b c?>",
    ],
)
def test_the_tree_does_not_grow(unit: str) -> None:
    """libxml2's memory is not Python's to count, but its nodes are: what was read is in no tree any more."""
    data = f"<rss><channel>{unit * 12_000}</channel></rss>".encode()
    most = 0
    for number, element in enumerate(markup.parts(data)):
        if number % 1_000 == 0:
            most = max(most, sum(1 for _ in element.getroottree().iter()))
    # A piece of 64 kB is parsed at once, and holds 4,000 elements here.
    assert most < 5_000


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        (
            f"<x {' '.join(f'a{number}=' + chr(34) + '>' + chr(34) for number in range(200_000))}/>",
            "a tag that does",
        ),
        (f"<x a='{'x' * 2_000_000}", "a tag that does not end"),
        ("".join(f"<x{number}/>" for number in range(5_000)), "elements of too many kinds"),
        ("".join(f"<x y{number}='1'/>" for number in range(5_000)), "elements of too many kinds"),
    ],
)
def test_what_costs_the_parser_memory_is_refused(tag: str, reason: str) -> None:
    """Tags of megabytes before the parser starts, and names without end, which it never lets go."""
    error = refusal(f"<rss><channel>{ITEM}\n{tag}</channel></rss>".encode())
    assert reason in error.reason
    assert error.line == 2


def test_a_long_text_is_no_long_tag() -> None:
    """It may stand behind any."""
    item = f"<item><title a='x>y'>A</title><link>https://arxiv.org/abs/2611.01234</link><a>{'x' * 3_000_000}</a></item>"
    (record,) = feed.read(f"<rss><channel>{item}</channel></rss>".encode()).items
    assert isinstance(record, Record)


def test_a_namespace_that_is_no_address_is_refused() -> None:
    """libxml2 goes on to the end before it says so; lxml's own names do not get by the bracket until then."""
    error = refusal(f"<rss xmlns='http://example.org/}}'><channel>{ITEM}</channel></rss>".encode())
    assert "is not a valid URI" in error.reason


def test_much_between_two_entries_is_refused() -> None:
    """So that no junk is read for minutes."""
    error = refusal(f"<rss><channel>{ITEM}{'<x/>' * 60_000}</channel></rss>".encode())
    assert error.reason == "an entry of too many elements, or too many between two"

"""Digital object identifiers."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.ingest.arxiv import arxiv_id
from digest.ingest.doi import doi

_SICI = "10.1002/(sici)1097-4571(199806)49:8<693::aid-asi4>3.0.co;2-o"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.1145/3292500.3330701", "10.1145/3292500.3330701"),
        ("  10.1145/3292500.3330701\n", "10.1145/3292500.3330701"),
        ("doi:10.1145/3292500.3330701", "10.1145/3292500.3330701"),
        ("DOI: 10.1145/3292500.3330701", "10.1145/3292500.3330701"),
        ("doi 10.1145/3292500.3330701", "10.1145/3292500.3330701"),
        ("info:doi/10.1145/3292500.3330701", "10.1145/3292500.3330701"),
        ("urn:doi:10.1145/3292500.3330701", "10.1145/3292500.3330701"),
        ("https://doi.org/10.1145/3292500.3330701", "10.1145/3292500.3330701"),
        ("http://dx.doi.org/10.1145/3292500.3330701", "10.1145/3292500.3330701"),
        ("HTTPS://WWW.DOI.ORG/10.1145/3292500.3330701", "10.1145/3292500.3330701"),
        ("doi.org/10.1145/3292500.3330701", "10.1145/3292500.3330701"),
        ("https://doi.org/doi:10.1145/3292500.3330701", "10.1145/3292500.3330701"),
        ("10.1000/ABC-Def", "10.1000/abc-def"),
        ("10.1000/Ärger", "10.1000/Ärger"),
        ("10.1000.10/123456", "10.1000.10/123456"),
        ("10.1145/3292500.3330701.", "10.1145/3292500.3330701"),
        ("10.1145/3292500.3330701).", "10.1145/3292500.3330701"),
        ("10.1016/S0140-6736(05)67885-0", "10.1016/s0140-6736(05)67885-0"),
        ("10.1000/(first)", "10.1000/(first)"),
        (_SICI.upper(), _SICI),
        ("https://doi.org/10.1002/(SICI)1097-4571(199806)49:8%3C693::AID-ASI4%3E3.0.CO;2-O", _SICI),
        ("https://doi.org/10.1000/456%23789", "10.1000/456#789"),
        ("https://doi.org/10.1000/456?utm_source=feed#top", "10.1000/456"),
        ("10.1000/456#789", "10.1000/456#789"),
        ("10.1000/100%25", "10.1000/100%25"),
        ("10.48550/arXiv.2401.01234", None),
        ("https://doi.org/10.48550/ARXIV.2401.01234", None),
        ("10.48550/other", "10.48550/other"),
        ("10.1000/", None),
        ("10.1000/).", None),
        ("10.1000", None),
        ("10.123/456", None),
        ("11.1000/456", None),
        ("10.1000/two words", None),
        ("10.1000/a\x00b", None),
        ("10.1000/a\ud800", None),
        ("10.1000/a\u202eb", None),
        ("https://doi.org/10.1000/a%00b", None),
        ("https://doi.org/10.1000/a%FFb", None),
        ("10.١٠٠٠/456", None),
        ("see 10.1000/456", None),
        ("https://example.org/10.1000/456", None),
        ("2401.01234", None),
        ("", None),
    ],
)
def test_dois_lose_resolver_and_case(text: str, expected: str | None) -> None:
    """Every spelling of a DOI gives the DOI; everything else gives None, arXiv's own names too."""
    assert doi(text) == expected


def test_a_name_as_long_as_no_index_takes_is_none() -> None:
    """512 characters are kept, one more is not, and a text of megabytes is not even looked at."""
    longest = "10.1000/" + "x" * 504
    assert doi(longest) == longest
    assert doi(longest + "x") is None
    assert doi("10.1000/" + "." * 10_000_000) is None


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_a_doi_is_its_own_normal_form(text: str) -> None:
    """Whatever is taken for a DOI stays as it is the second time, and is no arXiv id."""
    found = doi("10.1000/" + text)
    if found is not None:
        assert doi(found) == found
        assert arxiv_id(found) is None


@given(st.text(string.ascii_letters + string.digits + "-._;()/<>#%?", min_size=1, max_size=40))
def test_an_address_made_by_the_handbook_gives_its_name_back(suffix: str) -> None:
    """What an address must escape comes back as it was."""
    name = "10.1000/" + suffix
    escaped = "".join(f"%{ord(sign):02X}" if sign in "%#?<>" else sign for sign in name)
    assert doi("https://doi.org/" + escaped) == doi(name)

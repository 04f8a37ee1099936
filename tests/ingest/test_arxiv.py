"""arXiv identifiers."""

from __future__ import annotations

import pytest

from digest.ingest.arxiv import arxiv_id, paper_url, versioned_id


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2401.01234", "2401.01234"),
        ("2401.01234v2", "2401.01234"),
        (" 0704.0001 ", "0704.0001"),
        ("arXiv:2401.01234", "2401.01234"),
        ("arxiv: 2401.01234v11", "2401.01234"),
        ("https://arxiv.org/abs/2401.01234v3", "2401.01234"),
        ("http://www.arxiv.org/pdf/2401.01234v1.pdf", "2401.01234"),
        ("https://export.arxiv.org/abs/2401.01234?context=x", "2401.01234"),
        ("https://huggingface.co/papers/2412.01234/", "2412.01234"),
        ("10.48550/arXiv.2401.01234", "2401.01234"),
        ("https://doi.org/10.48550/arXiv.2401.01234", "2401.01234"),
        ("doi:10.48550/ARXIV.2401.01234", "2401.01234"),
        ("oai:arXiv.org:2401.01234v1", "2401.01234"),
        ("oai:arXiv.org:cs/0112017", "cs/0112017"),
        ("https://www.alphaxiv.org/overview/2401.01234v1", "2401.01234"),
        ("https://ar5iv.labs.arxiv.org/html/2401.01234", "2401.01234"),
        ("cs/0112017v1", "cs/0112017"),
        ("hep-th/9901001", "hep-th/9901001"),
        ("math.GT/0309136", "math/0309136"),
        ("https://arxiv.org/abs/cs/0112017", "cs/0112017"),
        ("2413.01234", None),
        ("2400.01234", None),
        ("2401.123", None),
        ("2401.012345", None),
        ("cs/0113017", None),
        ("quant-ph/9901001", "quant-ph/9901001"),
        (f"{'a' * 9}/9901001", None),
        ("see 2401.01234", None),
        ("https://example.org/abs/2401.01234", None),
        ("10.1000/2401.01234", None),
        ("٢٤٠١.٠١٢٣٤", None),
        ("", None),
    ],
)
def test_ids_lose_version_and_address(text: str, expected: str | None) -> None:
    """Every spelling of an id gives the id; everything else gives None."""
    assert arxiv_id(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://arxiv.org/abs/2401.01234v12", ("2401.01234", 12)),
        ("oai:arXiv.org:2401.01234v1", ("2401.01234", 1)),
        ("cs/0112017v2", ("cs/0112017", 2)),
        ("2401.01234", ("2401.01234", None)),
        ("2401.01234v0", ("2401.01234", None)),
        ("2401.01234v99999", None),
        ("v2", None),
    ],
)
def test_versions_are_told_apart(text: str, expected: tuple[str, int | None] | None) -> None:
    """Versions count from 1; none is guessed."""
    assert versioned_id(text) == expected


def test_a_paper_has_a_page() -> None:
    """The page is the abstract's, whatever its latest version."""
    assert paper_url("cs/0112017") == "https://arxiv.org/abs/cs/0112017"

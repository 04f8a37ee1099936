"""Records as they may be stored: cleaned, keyed, within bounds, and with the fields that they give."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from digest.ingest.arxiv import paper_url
from digest.ingest.clean import clean
from digest.ingest.codelinks import links_of_clean
from digest.ingest.paper import CleanRecord
from digest.ingest.record import Record, Reject
from digest.ingest.titles import key_of_clean

#: Clean characters, and names: beyond them a row is no paper. Abstracts of 10 MB made ranking take minutes.
LONGEST_TITLE, LONGEST_ABSTRACT, MOST_AUTHORS = 2_000, 50_000, 5_000
#: Raw text may be so many times longer than clean text; beyond that it is not even cleaned.
_RAW = 10
#: Keys longer than this are told apart by a hash: an index entry holds 2,700 bytes at most.
_LONGEST_KEY = 400


def checked(record: Record) -> CleanRecord | Reject:
    """A record cleaned, unless it is longer than anything that a person wrote."""
    for name, text, longest in (
        ("title", record.title, LONGEST_TITLE),
        ("abstract", record.abstract, LONGEST_ABSTRACT),
    ):
        if len(text) > _RAW * longest:
            return _too_long(record, name, len(text), longest)
    if len(record.authors) > MOST_AUTHORS:
        reason = f"{len(record.authors):,} authors, over the limit of {MOST_AUTHORS:,}"
        return Reject(line=record.line, reason=reason)
    clean_one = cleaned(record)
    if len(clean_one.title) > LONGEST_TITLE:
        return _too_long(record, "title", len(clean_one.title), LONGEST_TITLE)
    if len(clean_one.abstract) > LONGEST_ABSTRACT:
        return _too_long(record, "abstract", len(clean_one.abstract), LONGEST_ABSTRACT)
    return clean_one


def _too_long(record: Record, name: str, length: int, longest: int) -> Reject:
    limit = f"over the limit of {longest:,}"
    article = "an" if name == "abstract" else "a"
    return Reject(line=record.line, reason=f"{article} {name} of {length:,} characters, {limit}")


def given(record: Record) -> Iterator[str]:
    """The fields that a record gives, by the names under which a dump's are counted."""
    details = record.details
    for name, value in (
        ("abstract", record.abstract),
        ("authors", record.authors),
        ("arxiv_id", record.arxiv_id),
        ("doi", record.doi),
        ("code_url", record.code_url),
        ("published_at", record.published_at),
        ("summary", details.summary),
        ("thumbnail_url", details.thumbnail_url),
        ("submitter", details.submitter),
        ("organisation", details.organisation),
        ("keywords", details.keywords),
    ):
        if value:
            yield name
    for name, count in (("votes", record.votes), ("comments", record.comments), ("stars", record.stars)):
        if count is not None:
            yield name


def cleaned(record: Record) -> CleanRecord:
    """A record with its text cleaned and its keys drawn; its page is the one of its arXiv id if it names none."""
    if record.url is None and record.arxiv_id:
        record = replace(record, url=paper_url(record.arxiv_id))
    title, abstract = clean(record.title), clean(record.abstract)
    return CleanRecord(
        record=record,
        title=title,
        abstract=abstract,
        title_key=_key(key_of_clean(title) or title),  # a title of signs alone names its paper by them
        code_urls=links_of_clean(abstract),
    )


def _key(text: str) -> str:
    if len(text) <= _LONGEST_KEY:
        return text
    return f"{text[:_LONGEST_KEY]} {hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}"

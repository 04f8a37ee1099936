"""From what is stored to the documents of the API. Text is made harmless and bounded, as it is for pages and mails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from digest.compose.inert import line, web_url
from digest.rank.selection import EditionPaper
from digest.rank.topics import Taxonomy
from digest.store.editions import Edition
from digest.store.papers import Paper
from digest.web import api_models as models

#: Characters, and names, that are given at most: a hostile dump may hold an abstract of 10 MB.
_TITLE, _ABSTRACT, _NAME, _NAMES = 1_000, 20_000, 200, 1_000


def topics_document(taxonomy: Taxonomy) -> models.Topics:
    return models.Topics(
        groups=[models.Group(id=each.id, label=each.label) for each in taxonomy.groups],
        topics=[
            models.Topic(id=each.id, group=each.group, label=each.label, about=each.about)
            for each in taxonomy.topics
        ],
    )


def edition_document(edition: Edition) -> models.Edition:
    return models.Edition(**_edition(edition))


def contents_document(edition: Edition, held: Iterable[EditionPaper]) -> models.EditionContents:
    return models.EditionContents(**_edition(edition), contents=[_frozen(paper) for paper in held])


def paper_document(paper: Paper, taxonomy: Taxonomy) -> models.Paper:
    matches = taxonomy.match(paper.title[:_TITLE], paper.abstract[:_ABSTRACT])
    return models.Paper(
        id=paper.id,
        title=line(paper.title, _TITLE),
        abstract=line(paper.abstract, _ABSTRACT),
        summary=line(paper.details.summary, _ABSTRACT),
        authors=_names(paper.authors),
        arxiv_id=paper.arxiv_id,
        doi=paper.doi,
        url=web_url(paper.url),
        project_url=web_url(paper.details.project_url),
        code_urls=[url for each in paper.code_urls if (url := web_url(each))],
        votes=paper.votes,
        comments=paper.comments,
        stars=paper.stars,
        organisation=line(paper.details.organisation, _NAME) if paper.details.organisation else None,
        keywords=_names(paper.details.keywords),
        first_seen=paper.first_seen,
        topics=[match.topic_id for match in matches],
    )


def _edition(edition: Edition) -> dict[str, Any]:
    return {
        "id": edition.id,
        "date": edition.date,
        "published_at": edition.published_at,
        "papers": edition.papers,
    }


def _frozen(paper: EditionPaper) -> models.EditionPaper:
    return models.EditionPaper(
        id=paper.paper_id,
        place=paper.place,
        trend=paper.trend,
        title=line(paper.title, _TITLE),
        abstract=line(paper.abstract, _ABSTRACT),
        authors=_names(paper.authors),
        url=web_url(paper.url),
        code_url=web_url(paper.code_url),
        votes=paper.votes,
    )


def _names(authors: tuple[str, ...]) -> list[str]:
    return [name for author in authors[:_NAMES] if (name := line(author, _NAME))]

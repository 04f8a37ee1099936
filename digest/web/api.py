"""The JSON API: subscribe, and read topics, editions and papers. The same limits and rules as the pages.

Documents have the keys of the command's `--json` where the noun is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from digest.errors import AddressError
from digest.store import editions, papers
from digest.subscribers.address import normalise
from digest.subscribers.consent import CONSENT, consent_version
from digest.subscribers.preferences import Checked, check
from digest.subscribers.subscriber import Profile, Schedule
from digest.web import api_models as models
from digest.web.api_documents import contents_document, edition_document, paper_document, topics_document
from digest.web.limits import Rule
from digest.web.problems import Problem
from digest.web.site import Site

PREFIX = "/api/v1"


def router(site: Site) -> APIRouter:
    """The operations; their document is made by `api_page`."""
    routes = APIRouter(prefix=PREFIX, generate_unique_id_function=lambda route: route.name)
    _add_subscribing(routes, site)
    _add_topics(routes, site)
    _add_editions(routes, site)
    _add_papers(routes, site)
    return routes


def _add_subscribing(routes: APIRouter, site: Site) -> None:
    @routes.post(
        "/subscriptions",
        status_code=202,
        response_description="the same for every address",
        responses=models.problems(400, 403, 413, 415, 422, 429, 503),
        dependencies=[Depends(_counted(site, Rule.SIGN_UP)), Depends(_json_alone)],
        summary="Subscribe an address",
        description=(
            "Mails the address a link; nothing more is sent until its owner confirms there. "
            "The answer tells nothing of who is subscribed. "
            f"Send this only for an owner who was shown these words and agreed: “{CONSENT}”"
        ),
    )
    def subscribe(request: Request, wanted: models.Subscription) -> models.Accepted:
        chosen = _choices(site, wanted)
        site.app.signup.request(
            wanted.address,
            profile=chosen.profile,
            schedule=chosen.schedule,
            evidence=replace(site.evidence(request, "api"), text_version=consent_version()),
            now=site.now(),
        )
        return models.Accepted()


def _add_topics(routes: APIRouter, site: Site) -> None:
    document = topics_document(site.app.taxonomy)

    @routes.get(
        "/topics",
        response_description="groups and topics, in the order in which the pages show them",
        responses=models.problems(400, 429, 503),
        dependencies=[Depends(_counted(site, Rule.API))],
        summary="List the topics",
    )
    def topics() -> models.Topics:
        """What a subscriber may choose."""
        return document


def _add_editions(routes: APIRouter, site: Site) -> None:
    @routes.get(
        "/editions",
        response_description="a page of editions",
        responses=models.problems(400, 422, 429, 503),
        dependencies=[Depends(_counted(site, Rule.API))],
        summary="List the editions",
    )
    def list_editions(asked: Annotated[models.EditionsAsked, Query()]) -> models.Editions:
        """The papers of each publication day are one edition, the same for everyone; newest first."""
        with site.app.database.read() as conn:
            found = editions.page(conn, before=asked.before, limit=asked.limit + 1)
        page = found[: asked.limit]
        more = len(found) > asked.limit
        return models.Editions(
            editions=[edition_document(each) for each in page],
            next_before=page[-1].date if more else None,
        )

    @routes.get(
        "/editions/{date}",
        response_description="the edition, with its papers by place",
        responses=models.problems(400, 404, 422, 429, 503),
        dependencies=[Depends(_counted(site, Rule.API))],
        summary="Show an edition",
    )
    def show_edition(
        date: Annotated[models.Day, Path(description="day of publication", examples=["2026-11-20"])],
    ) -> models.EditionContents:
        """One edition, with its papers as they were frozen on its day."""
        with site.app.database.read() as conn:
            edition = editions.on(conn, date)
            if edition is None:
                raise _absent(f"There is no edition of {date}.")
            held = editions.contents(conn, [edition.id])
        return contents_document(edition, held)


def _add_papers(routes: APIRouter, site: Site) -> None:
    @routes.get(
        "/papers",
        response_description="a page of papers, by id",
        responses=models.problems(400, 422, 429, 503),
        dependencies=[Depends(_counted(site, Rule.API))],
        summary="Search the papers",
    )
    def list_papers(asked: Annotated[models.PapersAsked, Query()]) -> models.Papers:
        """All papers that are known, or those that hold each of some words."""
        with site.app.database.read() as conn:
            found = list(papers.search(conn, asked.q, after=asked.after, limit=asked.limit + 1))
        page = found[: asked.limit]
        more = len(found) > asked.limit
        return models.Papers(
            papers=[paper_document(each, site.app.taxonomy) for each in page],
            next_after=page[-1].id if more else None,
        )

    @routes.get(
        "/papers/{id}",
        response_description="the paper as it stands now",
        responses=models.problems(400, 404, 422, 429, 503),
        dependencies=[Depends(_counted(site, Rule.API))],
        summary="Show a paper",
    )
    def show_paper(
        paper_id: Annotated[
            models.Id,
            Path(alias="id", description="of a paper, or of one that became part of it", examples=[1]),
        ],
    ) -> models.Paper:
        """One paper. Where two papers turned out to be one, both ids lead to it."""
        with site.app.database.read() as conn:
            found = papers.get(conn, paper_id)
        if found is None:
            raise _absent(f"There is no paper {paper_id}.")
        return paper_document(found, site.app.taxonomy)


def _counted(site: Site, rule: Rule) -> Callable[[Request], None]:
    """Counts a call before its values are looked at: who sends nonsense is counted too, as on the pages."""

    def count(request: Request) -> None:
        site.limits.hit(rule, site.client(request))

    return count


async def _json_alone(request: Request) -> None:
    """Refuse any other body: a form of another site's page may send those without asking first."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != "application/json":
        raise Problem(415, "Not JSON", "Send the body as application/json.")


def _choices(site: Site, wanted: models.Subscription) -> Checked:
    """What is wanted, where nothing is set the service's own.

    Raises:
        Problem: 422, with an error for every field that cannot be, not for the first alone.
    """
    settings = site.app.settings
    unset = Schedule(zone=settings.zone, hour=settings.mail.hour)
    given = wanted.model_dump(exclude_none=True)
    found = check(given, known_topics=site.app.topic_ids, wants=Profile(), when=unset)
    errors = [*_address_errors(wanted.address), *found.errors.items()]
    if errors:
        raise Problem(422, errors=errors)
    return found


def _address_errors(address: str) -> list[tuple[str, str]]:
    try:
        normalise(address)
    except AddressError as error:
        return [("address", error.reason)]
    return []


def _absent(text: str) -> Problem:
    return Problem(404, "Not found", text)

"""The plain pipeline: the same digest as most programs would mail it, every step anew for every reader."""

from __future__ import annotations

import dataclasses
import logging
import smtplib
import textwrap
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape
from premailer import Premailer

from digest.bench.sites import Site
from digest.compose.views import paper_view, plain_date, reason_views, weekday_date
from digest.deliver.delivery import Delivery
from digest.rank.selection import Pick

#: Longest wait for the relay, in seconds.
TIMEOUT_S = 60.0


class PlainPipeline:
    """Jinja, premailer, `EmailMessage` and smtplib, once for each mail, over one connection that stays open.

    Jinja keeps compiled templates by itself; apart from that everything is as the libraries' examples have it.
    There is no ledger, and more threads would not help: it is all computation in Python.
    """

    def __init__(self, site: Site, templates: Path) -> None:
        self._site = site
        self._papers = {(paper.edition_id, paper.paper_id): paper for paper in site.papers}
        self._environment = Environment(
            loader=FileSystemLoader(templates),
            autoescape=select_autoescape(["html"]),
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["wrap"] = _wrap

    @property
    def sender(self) -> str:
        """From of every mail."""
        sender = self._site.app.sender
        return f"{sender.name} <{sender.address}>"

    def send(self, digests: Sequence[Delivery], *, host: str, port: int) -> None:
        """Mail all of them, one after the other."""
        with smtplib.SMTP(host, port, timeout=TIMEOUT_S) as server:
            for digest in digests:
                server.send_message(self.message(digest))

    def message(self, digest: Delivery) -> EmailMessage:
        """Compose one mail."""
        values = self.own(digest) | self._shared(digest)
        message = EmailMessage(policy=SMTP)
        message["From"] = self.sender
        message["To"] = digest.recipient
        message["Subject"] = self.rendered("subject.txt", values).strip()
        message["Date"] = format_datetime(digest.planned_at)
        message["Message-ID"] = digest.message_id
        message.set_content(self.rendered("body.txt", values))
        message.add_alternative(_inlined(self.rendered("body.html", values)), subtype="html")
        return message

    def unfilled(self, digest: Delivery) -> dict[str, str]:
        """A digest's subject, text and HTML before inlining, its reader's own values left as `[[name]]`."""
        values = {name: f"[[{name}]]" for name in self.own(digest)} | self._shared(digest)
        names = {"subject": "subject.txt", "text": "body.txt", "html": "body.html"}
        return {part: self.rendered(name, values).strip() for part, name in names.items()}

    def own(self, digest: Delivery) -> dict[str, str]:
        """What a digest says to its reader alone."""
        links = self._site.app.links
        preferences = links.preferences(digest.subscriber_id, digest.epoch)
        return {
            "address": digest.recipient,
            "preferences_url": preferences,
            "pause_url": f"{preferences}#pause",
            "leave_url": links.leave(digest.subscriber_id),
        }

    def rendered(self, name: str, values: Mapping[str, Any]) -> str:
        return self._environment.get_template(f"digest/{name}").render(values)

    def _shared(self, digest: Delivery) -> dict[str, Any]:
        app = self._site.app
        shown = [self._shown(pick) for pick in digest.picks]
        edition = self._site.papers[0].edition_date
        return {
            **app.sender.shown(),
            "base_url": app.links.base_url,
            "zone": app.sender.zone,
            "date": weekday_date(digest.local_date),
            "edition_date": plain_date(edition),
            "edition_url": app.links.edition(edition),
            "count": len(shown),
            "more": digest.leftover,
            "preheader": " · ".join(paper["short_title"] for paper in shown[1:4]),
            "first_title": shown[0]["short_title"],
            "papers": shown,
        }

    def _shown(self, pick: Pick) -> dict[str, Any]:
        paper = self._papers[pick.edition_id, pick.paper_id]
        view = paper_view(paper, abstract_chars=10_000)
        return dataclasses.asdict(view) | {"reasons": reason_views(pick.reasons)}


def _wrap(text: str) -> str:
    return textwrap.fill(text.strip(), 72, break_long_words=False, break_on_hyphens=False)


def _inlined(html: str) -> str:
    # As the composer calls it: dark mode survives, and cssutils does not complain of every modern property.
    return str(
        Premailer(
            html,
            strip_important=False,
            disable_validation=True,
            cssutils_logging_level=logging.CRITICAL + 1,
            allow_network=False,
        ).transform()
    )

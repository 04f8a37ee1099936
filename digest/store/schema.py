"""The tables. A comment on each constraint names the promise it keeps; migrations/ makes them."""

from __future__ import annotations

import sqlalchemy as sa

from digest.store.types import Instant

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_READING = sa.text("status = 'reading'")
dumps = sa.Table(
    "dumps",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    # One dump, however often it arrives: the same bytes again change no paper.
    sa.Column("sha256", sa.String(64), nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),  # which brought it first
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("format", sa.Text),
    sa.Column("dated", sa.Date),
    sa.Column("dated_by", sa.Text),
    sa.Column("background", sa.Boolean, nullable=False),
    sa.Column("status", sa.Text, nullable=False),  # reading, stored, quarantined, refused
    sa.Column("reason", sa.Text),
    sa.Column("line", sa.Integer),
    sa.Column("records", sa.Integer, nullable=False, server_default="0"),
    sa.Column("fields", sa.JSON, nullable=False),  # how many of its records give each field
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("seen_on", sa.Date),  # what the operator said, kept so that a replay decides alike
    sa.Column("modified_at", Instant, nullable=False),
    sa.Column("body", sa.LargeBinary),  # zlib; none where refused for its size
    # What is being read hides its papers: each look at papers asks for it.
    sa.Index("ix_dumps_reading", "id", sqlite_where=_READING, postgresql_where=_READING),
)

arrivals = sa.Table(
    "arrivals",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("dump_id", sa.ForeignKey("dumps.id"), nullable=False, index=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("dated", sa.Date, nullable=False),  # the day that the same bytes stood for this time
    sa.Index("ix_arrivals_source_at", "source", "at"),
)

sources = sa.Table(
    "sources",
    metadata,
    # What the last looks came to, so that a restart neither asks too soon nor forgets what it was told.
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("tried_at", Instant),
    sa.Column("succeeded_at", Instant),
    sa.Column("next_at", Instant),  # not asked before
    sa.Column("wait_until", Instant),  # as its Retry-After said: not asked before, by a person neither
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),  # in a row
    sa.Column("reason", sa.Text),  # of the last failure
    sa.Column("validators", sa.JSON, nullable=False),  # by URL: ETag and Last-Modified of its last answer
)

alarms = sa.Table(
    "alarms",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("about", sa.Text, nullable=False),  # a source, or empty
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("raised_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("text", sa.Text, nullable=False),
    # One mail a day of what goes on, whoever looks, however often.
    sa.UniqueConstraint("name", "about", "day"),
)

rejects = sa.Table(
    "rejects",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("dump_id", sa.ForeignKey("dumps.id"), nullable=False, index=True),
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

revisions = sa.Table(
    "revisions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    # One text, however many dumps carry it.
    sa.Column("hash", sa.String(64), nullable=False, unique=True),
    sa.Column("title_raw", sa.Text, nullable=False),
    sa.Column("abstract_raw", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("abstract", sa.Text, nullable=False),
    sa.Column("title_key", sa.Text, nullable=False),
    sa.Column("opening", sa.Text, index=True),  # of its abstract: what near-equal titles are looked for under
    sa.Column("code_urls", sa.JSON, nullable=False),
)

editions = sa.Table(
    "editions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    # One edition a day, whichever of two schedulers comes first.
    sa.Column("date", sa.Date, nullable=False, unique=True),
    sa.Column("published_at", Instant, nullable=False),
)

_HIDDEN = sa.text("revision_id IS NULL")
_MERGED, _RULED = sa.text("merged_into IS NOT NULL"), sa.text("ruled_into IS NOT NULL")
papers = sa.Table(
    "papers",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    # Two papers never share an arXiv id, and no paper has two.
    sa.Column("arxiv_id", sa.Text, unique=True),
    # Of what it shows; of what it listed itself, once a replay has emptied it.
    sa.Column("title_key", sa.Text, nullable=False),
    # None once no dump lists the paper, or once it is another: shown to nobody.
    sa.Column("revision_id", sa.ForeignKey("revisions.id"), index=True),
    # Nobody sees a paper either while the dump that brought it is being read.
    sa.Column("brought_by", sa.ForeignKey("dumps.id")),
    sa.Column("authors", sa.JSON, nullable=False),
    sa.Column("url", sa.Text),
    sa.Column("code_url", sa.Text),
    sa.Column("votes", sa.Integer),
    sa.Column("comments", sa.Integer),
    sa.Column("stars", sa.Integer),
    sa.Column("doi", sa.Text),
    sa.Column("details", sa.JSON, nullable=False),
    sa.Column("first_seen", sa.Date),
    sa.Column("last_seen", sa.Date),
    sa.Column("background", sa.Boolean, nullable=False, server_default=sa.false()),
    # The paper that it is shown as: its sightings went there, or a person says so, or both in a row.
    sa.Column("merged_into", sa.ForeignKey("papers.id")),
    # Of these the first alone, so that a person's word can be taken back.
    sa.Column("ruled_into", sa.ForeignKey("papers.id")),
    # For names of papers that a replay has emptied; an index of all titles would cost each new paper a page.
    # Of those that have one: SQLite took a whole index for "IS NULL", and read a million rows for each batch.
    sa.Index("ix_papers_merged_into", "merged_into", sqlite_where=_MERGED, postgresql_where=_MERGED),
    sa.Index("ix_papers_ruled_into", "ruled_into", sqlite_where=_RULED, postgresql_where=_RULED),
    sa.Index("ix_papers_hidden", "title_key", sqlite_where=_HIDDEN, postgresql_where=_HIDDEN),
)

_HAS_DOI = sa.text("doi IS NOT NULL")
_HAS_ID, _HAS_NO_ID = sa.text("arxiv_id IS NOT NULL"), sa.text("arxiv_id IS NULL")
sightings = sa.Table(
    "sightings",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("dump_id", sa.ForeignKey("dumps.id"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    # None while its dump is being read and identity is not settled.
    sa.Column("paper_id", sa.ForeignKey("papers.id"), index=True),
    sa.Column("revision_id", sa.ForeignKey("revisions.id"), nullable=False, index=True),
    sa.Column("arxiv_id", sa.Text),
    sa.Column("doi", sa.Text),
    sa.Column("title_key", sa.Text, nullable=False),
    sa.Column("authors", sa.JSON, nullable=False),
    sa.Column("votes", sa.Integer),
    sa.Column("comments", sa.Integer),
    sa.Column("stars", sa.Integer),
    sa.Column("published_at", Instant),
    sa.Column("url", sa.Text),
    sa.Column("code_url", sa.Text),
    sa.Column("details", sa.JSON, nullable=False),
    # One row of a dump is one sighting, however often the dump is read.
    sa.UniqueConstraint("dump_id", "position"),
    sa.Index("ix_sightings_doi", "doi", sqlite_where=_HAS_DOI, postgresql_where=_HAS_DOI),
    # Each sighting stands in one of these two: which ids a title has, and who has a title without id.
    sa.Index("ix_sightings_listed", "title_key", "arxiv_id", sqlite_where=_HAS_ID, postgresql_where=_HAS_ID),
    sa.Index("ix_sightings_stray", "title_key", sqlite_where=_HAS_NO_ID, postgresql_where=_HAS_NO_ID),
)

joins = sa.Table(
    "joins",
    metadata,
    # What a person has said of identity, kept apart from what the rules say, and applied again by every replay.
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    # "merge": `paper_id` is `into_id`. "split": the text `revision_hash` is of `paper_id`, whatever its names.
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("paper_id", sa.ForeignKey("papers.id"), nullable=False, index=True),
    sa.Column("into_id", sa.ForeignKey("papers.id")),
    sa.Column("revision_hash", sa.String(64), index=True),
)

near = sa.Table(
    "near",
    metadata,
    # Two texts of near-equal titles whose abstracts agree, the smaller id first.
    sa.Column("one_id", sa.ForeignKey("revisions.id"), primary_key=True),
    sa.Column("other_id", sa.ForeignKey("revisions.id"), primary_key=True, index=True),
)

edition_papers = sa.Table(
    "edition_papers",
    metadata,
    sa.Column("edition_id", sa.ForeignKey("editions.id"), primary_key=True),
    # A paper is new once: it stands in one edition and in no other.
    sa.Column("paper_id", sa.ForeignKey("papers.id"), primary_key=True, unique=True),
    sa.Column("revision_id", sa.ForeignKey("revisions.id"), nullable=False, index=True),
    sa.Column("authors", sa.JSON, nullable=False),
    sa.Column("url", sa.Text),
    sa.Column("code_url", sa.Text),
    sa.Column("votes", sa.Integer),
    sa.Column("summary", sa.Text),  # shown where the text has no abstract
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("trend", sa.Float, nullable=False),
)

subscribers = sa.Table(
    "subscribers",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("address", sa.Text, nullable=False),
    # One subscriber an address, whatever its case.
    sa.Column("address_key", sa.Text, nullable=False, unique=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("topics", sa.JSON, nullable=False),
    sa.Column("interests", sa.JSON, nullable=False),
    sa.Column("include", sa.JSON, nullable=False),
    sa.Column("exclude", sa.JSON, nullable=False),
    sa.Column("cap", sa.Integer, nullable=False),
    sa.Column("frequency", sa.Text, nullable=False),
    sa.Column("weekday", sa.Integer, nullable=False),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("hour", sa.Integer, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", Instant, nullable=False),
    # Last asked to subscribe, or to take a subscription over: who does not confirm is forgotten some days later.
    sa.Column("asked_at", Instant),
    sa.Column("confirmed_at", Instant),
    sa.Column("paused_until", sa.Date),  # the local date on which a pause ends; none means when they say so
    # A change of address asks the new one before the old one stops: a pending row that replaces a subscription takes
    # it over with its yes, as long as that one's `moves_to` names this row. That stays after the move, so that the
    # same yes once more is answered alike.
    sa.Column("replaces", sa.ForeignKey("subscribers.id")),
    sa.Column("moves_to", sa.ForeignKey("subscribers.id")),
    # The cursor: the last edition this subscriber was planned from; none means the newest only.
    sa.Column("cursor_edition_id", sa.ForeignKey("editions.id")),
    sa.Column("last_date", sa.Date),  # local date last served or skipped
    sa.Column("last_mailed_at", Instant),
    sa.Column("due_at", Instant),  # earliest moment of the next digest; none for who is not planned
    # While due with nothing to send: for which date, until when, and which edition was already looked at.
    sa.Column("waits_for", sa.Date),
    sa.Column("waits_until", Instant),
    sa.Column("waits_reason", sa.Text),
    sa.Column("checked_edition_id", sa.Integer),  # 0 where there was none
    sa.Index("ix_subscribers_due_at", "due_at"),
    # An id goes with every request, also of an address that has one, as PostgreSQL does it anyway: ids stand in links,
    # and two links of one's own before and after would tell whether the address asked for between them was new.
    sqlite_autoincrement=True,
)

_HAS_IP = sa.text("ip IS NOT NULL")
consents = sa.Table(
    "consents",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("subscriber_id", sa.ForeignKey("subscribers.id"), nullable=False, index=True),
    sa.Column("at", Instant, nullable=False),
    # asked, confirmed, paused, resumed, left, erased, moved, bounced, complained
    sa.Column("event", sa.Text, nullable=False),
    sa.Column(
        "method", sa.Text, nullable=False
    ),  # web, api, mail, command, import, date; smtp, dsn, arf, webhook
    sa.Column("ip", sa.Text),  # of the request; forgotten after some weeks
    sa.Column("text_version", sa.Text),  # of the sentence that was agreed to
    sa.Index("ix_consents_at", "at"),  # for the sign-ups of the last hour, which are counted each minute
    # For the IPs to forget: few rows hold one, and all the others are older.
    sa.Index("ix_consents_ip", "at", sqlite_where=_HAS_IP, postgresql_where=_HAS_IP),
)

uses = sa.Table(
    "uses",
    metadata,
    # A link to export opens once: whoever comes second with it finds it here.
    sa.Column("purpose", sa.Text, primary_key=True),
    sa.Column("subscriber_id", sa.ForeignKey("subscribers.id"), primary_key=True),
    sa.Column("asked_s", sa.BigInteger, primary_key=True, autoincrement=False),  # when it was made
    sa.Column("at", Instant, nullable=False),
)

suppressions = sa.Table(
    "suppressions",
    metadata,
    # A keyed hash: it survives erasure and says nothing of the address.
    sa.Column("address_hash", sa.String(64), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("subscriber_id", sa.ForeignKey("subscribers.id")),  # none: to the operator
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("local_date", sa.Date, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("picks", sa.Text, nullable=False),
    sa.Column("note", sa.Text),  # what an alarm says
    sa.Column("leftover", sa.Integer, nullable=False),
    # The span of editions, for giving back: after `cursor_edition_id`, up to `edition_id`.
    sa.Column("cursor_edition_id", sa.Integer),
    sa.Column("edition_id", sa.ForeignKey("editions.id")),
    sa.Column("message_id", sa.Text, nullable=False),
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("signed_by", sa.Text, nullable=False),  # selectors; a retry is signed by the same keys
    sa.Column("planned_at", Instant, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("claimant", sa.Text),
    sa.Column("lease_until", Instant),
    sa.Column("begun_at", Instant),  # set before the content of a try leaves, cleared with its result
    sa.Column("body_hash", sa.String(64)),
    sa.Column("settled_at", Instant),
    sa.Column("reply", sa.Text),
    # Nobody gets two mails of a kind for one date, whoever plans, however often.
    sa.UniqueConstraint("subscriber_id", "local_date", "kind"),
    sa.Index("ix_deliveries_open", "status", "due_at"),
    sa.Index("ix_deliveries_edition_id", "edition_id"),
    # As for subscribers: return paths show ids, and a mail that the day had already must use one up too.
    sqlite_autoincrement=True,
)

bounces = sa.Table(
    "bounces",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("delivery_id", sa.ForeignKey("deliveries.id"), nullable=False),
    sa.Column("subscriber_id", sa.ForeignKey("subscribers.id"), index=True),  # none: the operator
    sa.Column("at", Instant, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),  # hard, soft, complaint, blocked
    sa.Column("status", sa.Text),  # enhanced code
    sa.Column("detail", sa.Text, nullable=False),  # without addresses
    sa.Column("door", sa.Text, nullable=False),  # smtp, dsn, arf, webhook
    # The same report twice counts once.
    sa.UniqueConstraint("delivery_id", "kind", "door"),
    sa.Index("ix_bounces_at", "at"),
)

plans = sa.Table(
    "plans",
    metadata,
    # Counted on the way in, apart from the rows: what `balance` holds the ledger against.
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("eligible", sa.Integer, nullable=False),
)

facts = sa.Table(
    "facts",
    metadata,
    # Secrets and switches that belong to this database, such as the key of its message ids.
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

handed_over = sa.Table(
    "handed_over",
    metadata,
    # Mails that relays took, by day in UTC, written with their results: what a warm-up is held to.
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("mails", sa.Integer, nullable=False),
)

relays_aside = sa.Table(
    "relays_aside",
    metadata,
    # For people who ask while another process delivers.
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("until", Instant, nullable=False),
    sa.Column("said", sa.Text, nullable=False),
)

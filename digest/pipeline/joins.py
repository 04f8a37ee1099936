"""What a person says of identity: these two are one paper, this text is another."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.engine import Connection

from digest.errors import UsageError
from digest.store import history, intake, papers
from digest.store.database import Database
from digest.store.history import Text
from digest.store.papers import Paper

#: Of a text's hash, what people are shown; git's length, and texts of one paper are few.
SHORT = 12


def merge(database: Database, paper_id: int, into_id: int, *, now: dt.datetime) -> Paper:
    """Say that a paper is another; returns that one, as it is shown from now on.

    Raises:
        UsageError: There is no such paper, or they are one already.
    """
    with intake.alone(database), database.write() as conn:
        paper, into = _paper(conn, paper_id), _paper(conn, into_id)
        if paper.id == into.id:
            raise UsageError(f"paper {paper_id} and paper {into_id} are one already")
        papers.merge(conn, paper.id, into.id, at=now)
        return _paper(conn, into_id)


def unmerge(database: Database, paper_id: int) -> Paper:
    """Take the merge of a paper back; returns it.

    Raises:
        UsageError: There is no such paper, or no person has merged it.
    """
    with intake.alone(database), database.write() as conn:
        _paper(conn, paper_id)
        try:
            papers.unmerge(conn, paper_id)
        except ValueError as error:
            raise UsageError(
                f"nobody has merged paper {paper_id}; to take a text out of it, name it with --text"
            ) from error
        return _paper(conn, paper_id)


def split(database: Database, paper_id: int, text: str, *, now: dt.datetime) -> Paper:
    """Say that a text of a paper is a paper of its own; returns that one.

    Args:
        text: The hash of the text, or as much of its beginning as tells it from the paper's others.

    Raises:
        UsageError: There is no such paper or text, or the text has an arXiv id or is all there is.
    """
    with intake.alone(database), database.write() as conn:
        paper = _paper(conn, paper_id)
        found = _text(conn, paper, text)
        try:
            made = papers.split(conn, paper.id, found.hash, at=now)
        except ValueError as error:
            raise UsageError(f"text {found.hash[:SHORT]} cannot be split off: {error}") from error
        return _paper(conn, made)


def _paper(conn: Connection, paper_id: int) -> Paper:
    found = papers.get(conn, paper_id)
    if found is None:
        raise UsageError(f"there is no paper {paper_id}")
    return found


def _text(conn: Connection, paper: Paper, start: str) -> Text:
    found = [text for text in history.texts(conn, paper.id) if text.hash.startswith(start.lower())]
    if len(found) != 1:
        told = "more than one text" if found else "no text"
        raise UsageError(f"paper {paper.id} has {told} whose hash begins with {start!r}")
    return found[0]

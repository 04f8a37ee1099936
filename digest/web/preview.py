"""The preview: what the last days would have brought with some choices, ready to show."""

from __future__ import annotations

from digest.compose.memo import Memo
from digest.compose.views import PaperView, paper_view, reason_views, weekday_date
from digest.pipeline.lately import Lately, Past
from digest.rank.selection import EditionPaper, Pick
from digest.web.views import PastView, PickView, PreviewView

#: A preview shows titles and reasons; templates of an operator's own may show a line more.
_ABSTRACT_CHARS = 80


class Previews:
    """Makes the views of previews; a paper is shortened once, which is a quarter of a page's time."""

    def __init__(self) -> None:
        self._papers: Memo[tuple[int, int], PaperView] = Memo(2048)

    def of(self, seen: Lately) -> PreviewView:
        """The digests that would have been sent, newest first, and a count of the others."""
        sent = [past for past in seen.digests if past.picks]
        return PreviewView(
            digests=tuple(self._past(past) for past in sent),
            papers=sum(len(past.picks) for past in sent),
            empty_days=len(seen.digests) - len(sent),
            editions=seen.editions,
        )

    def _past(self, past: Past) -> PastView:
        date = weekday_date(past.date)
        return PastView(
            date=f"Next {date}" if past.upcoming else date,
            picks=tuple(self._pick(paper, pick) for paper, pick in past.picks),
            leftover=past.leftover,
        )

    def _pick(self, paper: EditionPaper, pick: Pick) -> PickView:
        shown = self._papers.get(
            (paper.edition_id, paper.paper_id), lambda: paper_view(paper, abstract_chars=_ABSTRACT_CHARS)
        )
        return PickView(paper=shown, reasons=reason_views(pick.reasons))

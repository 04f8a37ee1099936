"""The preview: what the last days would have brought with some choices, ready to show."""

from __future__ import annotations

from digest.compose.views import paper_view, reason_views, weekday_date
from digest.pipeline.lately import Lately, Past
from digest.web.views import PastView, PickView, PreviewView

_ABSTRACT_CHARS = (
    80  # a preview shows titles and reasons; templates of an operator's own may show a line more
)


def preview_view(seen: Lately) -> PreviewView:
    """The digests that would have been sent, newest first, and a count of the others."""
    sent = [past for past in seen.digests if past.picks]
    return PreviewView(
        digests=tuple(_past(past) for past in sent),
        papers=sum(len(past.picks) for past in sent),
        empty_days=len(seen.digests) - len(sent),
        editions=seen.editions,
    )


def _past(past: Past) -> PastView:
    date = weekday_date(past.date)
    return PastView(
        date=f"Next {date}" if past.upcoming else date,
        picks=tuple(
            PickView(
                paper=paper_view(paper, abstract_chars=_ABSTRACT_CHARS), reasons=reason_views(pick.reasons)
            )
            for paper, pick in past.picks
        ),
        leftover=past.leftover,
    )

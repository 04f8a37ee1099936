"""What the pages' templates are given: values ready to show, formatted and made harmless.

Each page is a template of its name in `templates/web/`, and gets one view under the name `view`.
`Pages` adds what every page shows: `product`, `postal_address`, `style_url`, `script_url`, `icon_url`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from digest.compose.views import PaperView, ReasonView


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicView:
    id: str
    label: str
    about: str  #: one line
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    id: str
    label: str
    topics: tuple[TopicView, ...]

    @property
    def chosen(self) -> int:
        """How many of its topics are chosen: such a group is shown open."""
        return sum(topic.chosen for topic in self.topics)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionView:
    """One option of a select, or one radio button."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FormView:
    """The choices, as they stand or as they were just sent; shared by the sign-up form and the preferences."""

    address: str  #: "" on the preferences page
    groups: tuple[GroupView, ...]
    interests: str  #: one a line, as for include and exclude
    include: str
    exclude: str
    frequencies: tuple[OptionView, ...]
    weekdays: tuple[OptionView, ...]
    hours: tuple[OptionView, ...]  #: labels such as 07:00
    zones: tuple[tuple[str, tuple[OptionView, ...]], ...]  #: by region, such as Europe
    cap: str
    guess_zone: bool  #: nothing was chosen yet: the browser may say which zone it is in
    errors: Mapping[str, str] = field(default_factory=dict)  #: field name -> what is wrong, in words


@dataclass(frozen=True, slots=True, kw_only=True)
class PickView:
    """A paper, and why it is there."""

    paper: PaperView
    reasons: tuple[ReasonView, ...]  #: none on the page of an edition


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionView:
    date: str  #: Friday, 20 November 2026
    path: str  #: /editions/2026-11-20
    count: int  #: papers it holds
    picks: tuple[PickView, ...]  #: all of them, or the first few


@dataclass(frozen=True, slots=True, kw_only=True)
class PastView:
    """A digest as the choices would have made it."""

    date: str  #: of its last edition, Friday, 20 November 2026
    picks: tuple[PickView, ...]
    leftover: int  #: matched, and over the cap


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewView:
    """What the last seven days would have brought."""

    digests: tuple[PastView, ...]  #: newest first; a day that brought nothing is left out
    papers: int  #: in all of them
    empty_days: int  #: digests that would not have been sent, for want of a match
    editions: int  #: of the last seven days; 0: there is nothing to preview yet


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeView:
    form: FormView
    consent: str  #: the sentence that a subscriber agrees to
    edition: EditionView | None  #: the newest, with its first papers


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxView:
    """After signing up; the same for every address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmView:
    action: str  #: path that the button posts to
    address: str
    moves: bool  #: an existing subscription is moved to this address


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredView:
    """A link of ours that came too late."""

    action: str | None  #: path that posts for a new one; None where there is nothing to renew
    asked: bool  #: a new one is on its way


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencesView:
    address: str
    paused: bool
    paused_until: str | None  #: 1 December 2026
    form: FormView
    preview: PreviewView
    next_due: str | None  #: Friday, 20 November 2026, 07:00 (Europe/Berlin); None while paused
    notice: str | None  #: what was just done, in a sentence
    #: Paths that forms post to.
    save: str
    try_out: str  #: shows the preview of unsaved choices
    pause: str
    resume: str
    move: str
    data: str
    leave: str  #: path of the page to leave
    new_address: str = ""  #: as it was just sent, where it could not be used


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveView:
    action: str
    data: str  #: path that posts for a link to export or erase
    known: bool  #: data of theirs is kept; not once erased
    left: bool  #: just now, or before
    asked: bool  #: the link to export or erase is on its way


@dataclass(frozen=True, slots=True, kw_only=True)
class DataView:
    """The page behind the single-use link to export or to erase."""

    action: str
    address: str
    erase: bool  #: else export


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedView:
    """Everything is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionPageView:
    edition: EditionView  #: with all its papers
    newer: str | None  #: path
    older: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionsView:
    editions: tuple[EditionView, ...]  #: newest first, without papers
    older: str | None  #: path of the next page


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationView:
    """One operation of the API, for its page."""

    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[tuple[str, str, str], ...]  #: name, type, meaning
    answers: tuple[tuple[str, str], ...]  #: status, meaning
    example: str  #: a request by curl


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiView:
    operations: tuple[OperationView, ...]
    document: str  #: path of the OpenAPI document


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorView:
    status: int
    title: str
    text: str

"""Alarms as values, and as the ledger keeps them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from digest.deliver.alarm import Alarm, AlarmName, alarms_of, by_gravity, note_of

ALARMS = st.builds(Alarm, name=st.sampled_from(AlarmName), about=st.text(), text=st.text())


@given(st.lists(ALARMS))
def test_a_note_keeps_alarms(alarms: list[Alarm]) -> None:
    """What a note holds are the alarms that it was made of, the gravest first, whatever they say."""
    assert list(alarms_of(note_of(alarms))) == by_gravity(alarms)


def test_the_gravest_first() -> None:
    """An edition that waits stands before the source it waits for; sources stand by name."""
    names = (AlarmName.SIGNUP_SPIKE, AlarmName.SOURCE_SHORT, AlarmName.EDITION_HELD)
    given = [Alarm(name=name, about=about, text="") for name in names for about in ("b", "a")]
    assert [alarm.key for alarm in by_gravity(given)] == [
        ("edition-held", "a"),
        ("edition-held", "b"),
        ("source-short", "a"),
        ("source-short", "b"),
        ("signup-spike", "a"),
        ("signup-spike", "b"),
    ]

"""The desk: who comes back to it, and what it waits for."""

from __future__ import annotations

import os

import pytest

from digest.pipeline.senders import Desk

#: A desk that waits for itself fails rather than hangs.
pytestmark = pytest.mark.timeout(20)


def test_what_is_heard_cuts_no_wait_short_and_makes_none_longer() -> None:
    """With signatures to be read the desk does not wait until half of the senders are back: those may hang for minutes."""
    desk = Desk()
    theirs, ours = os.pipe()
    desk.listen(theirs)
    os.write(ours, b"..")
    for _ in range(2):  # what is left over is heard again
        assert desk.wait(4) == []
        assert desk.heard()
        os.read(theirs, 1)
    assert desk.wait(4, 0.0) == []
    assert not desk.heard()
    desk.listen_no_more(theirs)
    desk.close()
    os.close(theirs)
    os.close(ours)

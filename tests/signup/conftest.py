"""A sign-up over a database of each engine."""

from __future__ import annotations

import pytest

from digest.signup import Signup
from digest.store.database import Database
from tests.factories import STAMP


@pytest.fixture
def signup(database: Database) -> Signup:
    return Signup(database=database, stamp=STAMP)

"""A subscriber's life: ask, confirm, change, move, pause, leave, take along, erase. Each step is one transaction."""

from digest.signup.door import Outcome
from digest.signup.life import Signup
from digest.signup.tidy import Tidied

__all__ = ["Outcome", "Signup", "Tidied"]

"""Guessing passwords is slowed for strangers, not for the owner: a device that has signed in before can prove it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from domain.user import User

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.personal_data import PersonalData
    from adapters.tokens import Tokens
    from application.store import Store

FAMILIAR_FOR = timedelta(days=180)


class Guessing:
    """A device token says that whoever keeps it has signed in as this person, under this password; it opens nothing."""

    def __init__(self, store: Store, people: PersonalData, tokens: Tokens, clock: Clock) -> None:
        self._store = store
        self._people = people
        self._tokens = tokens
        self._clock = clock

    def device_token(self, user: User) -> str:
        """For a device from which the person has just signed in; void with the next new password."""
        claims = {"sub": str(user.id), "ver": user.credential_version}
        return self._tokens.sign("device", claims, now=self._clock.now(), lifetime=FAMILIAR_FOR)

    def is_familiar(self, email: str, device_token: str | None) -> bool:
        """Whether the token was given for this very account. Asks no database without a token of ours."""
        claims = self._tokens.read("device", device_token, now=self._clock.now()) if device_token else None
        if claims is None:
            return False
        person = self._people.person_with(email)
        if person is None or str(person.user_id) != claims["sub"]:
            return False
        return bool(self._store.fetch(User, person.user_id).credential_version == claims["ver"])

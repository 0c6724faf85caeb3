"""A second factor: an authenticator app, and recovery codes for the day when the phone is gone."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from domain import totp
from domain.errors import ConcurrentChange, Conflict
from domain.sign_in_errors import SecondFactorInvalid, SecondFactorRequired
from domain.user import User

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.database import Row
    from adapters.second_factors import SecondFactorSecrets
    from application.store import Store

RECOVERY_CODES = 10
_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
_GROUP = 5


class Standing(NamedTuple):
    """`since` None: there is none."""

    since: datetime | None
    recovery_codes_left: int


class SecondFactors:
    """Who may ask is decided elsewhere: all of it but `check` wants a fresh proof of who it is."""

    def __init__(self, store: Store, kept: SecondFactorSecrets, clock: Clock) -> None:
        self._store = store
        self._kept = kept
        self._clock = clock

    def standing(self, user_id: UUID) -> Standing:
        known = self._kept.find(user_id)
        return Standing(known.confirmed_at if known else None, self._kept.recovery_codes_left(user_id))

    def begin(self, user_id: UUID) -> bytes:
        """A new secret for the app; it counts once a code of it was shown. `Conflict` when there is a second factor."""
        secret = secrets.token_bytes(totp.SECRET_BYTES)
        if not self._kept.begin(user_id, secret, self._clock.now()):
            raise Conflict("There is a second factor; remove it first.")
        return secret

    def confirm(self, user_id: UUID, code: str) -> list[str]:
        """From now on it is asked for; answers the recovery codes, which are shown this once. `SecondFactorInvalid`,
        `Conflict`."""
        known, user = self._kept.find(user_id), self._store.fetch(User, user_id)
        if known is None or known.confirmed_at is not None:
            raise Conflict("Begin first: there is nothing to confirm.")
        self._take(user_id, known.secret, code)
        now, codes = self._clock.now(), _recovery_codes()
        user.add_second_factor(now=now)
        self._put(user, [self._kept.confirm(user_id, now), *self._kept.put_recovery_codes(user_id, codes)])
        return codes

    def renew_recovery_codes(self, user_id: UUID) -> list[str]:
        """All former ones are void. `Conflict` without a second factor."""
        user, codes = self._store.fetch(User, user_id), _recovery_codes()
        user.renew_recovery_codes(now=self._clock.now())
        self._put(user, self._kept.put_recovery_codes(user_id, codes))
        return codes

    def remove(self, user_id: UUID) -> None:
        """Again: no effect."""
        user = self._store.fetch(User, user_id)
        user.remove_second_factor(now=self._clock.now())
        self._put(user, self._kept.removing(user_id))

    def check(self, user: User, code: str | None) -> None:
        """Of the app or for recovery; nothing is asked of a person without a second factor. `SecondFactorRequired`
        without a code, `SecondFactorInvalid` for a wrong or used one."""
        if not user.has_second_factor:
            return
        if code is None:
            raise SecondFactorRequired()
        plain = "".join(char for char in code.lower() if char.isalnum())
        if len(plain) == totp.DIGITS and plain.isdigit():
            known = self._kept.find(user.id)
            self._take(user.id, known.secret if known else b"", plain)
        else:
            self._use_recovery_code(user.id, plain)

    def _take(self, user_id: UUID, secret: bytes, code: str) -> None:
        step = totp.step_of(secret, "".join(code.split()), self._clock.now()) if secret else None
        if step is None or not self._kept.take(user_id, step):
            raise SecondFactorInvalid()

    def _use_recovery_code(self, user_id: UUID, code: str) -> None:
        """Once: of two who come with the same, the person's stream lets one through."""
        user = self._store.fetch(User, user_id)
        if not self._kept.has_recovery_code(user_id, code):
            raise SecondFactorInvalid()
        left = self._kept.recovery_codes_left(user_id) - 1
        user.use_recovery_code(left=left, now=self._clock.now())
        self._put(user, [self._kept.remove_recovery_code(user_id, code)])

    def _put(self, user: User, rows: Sequence[Row]) -> None:
        try:
            self._store.put(user, rows=rows)
        except IntegrityError as conflict:
            raise ConcurrentChange(retry_after=1) from conflict


def shown(code: str) -> str:
    """In two groups, as it is written down."""
    return f"{code[:_GROUP]}-{code[_GROUP:]}"


def _recovery_codes() -> list[str]:
    """49 bits each."""
    return ["".join(secrets.choice(_LETTERS) for _ in range(2 * _GROUP)) for _ in range(RECOVERY_CODES)]

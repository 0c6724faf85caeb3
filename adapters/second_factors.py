"""Shared secrets of authenticator apps, sealed, and keyed digests of recovery codes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from adapters.database import Database, Row
from adapters.secrets import Secrets
from adapters.tokens import Tokens

_PURPOSE = "second-factor"


class KnownFactor(NamedTuple):
    """`secret` is what the app has; `confirmed_at` None until a first code was shown."""

    secret: bytes
    confirmed_at: datetime | None


class SecondFactorSecrets:
    """The only writer of `second_factors` and `recovery_codes`."""

    def __init__(self, database: Database, secrets: Secrets, tokens: Tokens) -> None:
        self._database = database
        self._secrets = secrets
        self._tokens = tokens

    def find(self, user_id: UUID) -> KnownFactor | None:
        found = self._database.fetch_one(
            "select sealed, confirmed_at from second_factors where user_id = %s", (user_id,)
        )
        if found is None:
            return None
        secret = self._secrets.unseal(bytes(found["sealed"]), purpose=_PURPOSE, bound_to=str(user_id))
        return KnownFactor(secret, found["confirmed_at"])

    def begin(self, user_id: UUID, secret: bytes, now: datetime) -> bool:
        """One that is not confirmed is replaced; False when there is one that is."""
        sealed = self._secrets.seal(secret, purpose=_PURPOSE, bound_to=str(user_id))
        return bool(
            self._database.execute(
                "insert into second_factors (user_id, sealed, begun_at) values (%s, %s, %s)"
                " on conflict (user_id) do update set sealed = excluded.sealed, begun_at = excluded.begun_at"
                " where second_factors.confirmed_at is null",
                (user_id, sealed, now),
            )
        )

    def take(self, user_id: UUID, step: int) -> bool:
        """Whether no code of this step or a later one was taken before: of two who send the same, one is let in."""
        sql = "update second_factors set last_step = %s where user_id = %s and last_step < %s"
        return bool(self._database.execute(sql, (step, user_id, step)))

    @staticmethod
    def confirm(user_id: UUID, now: datetime) -> Row:
        return "update second_factors set confirmed_at = %s where user_id = %s", (now, user_id)

    def recovery_codes_left(self, user_id: UUID) -> int:
        found = self._database.fetch_one("select count(*) as n from recovery_codes where user_id = %s", (user_id,))
        return int(found["n"]) if found else 0

    def has_recovery_code(self, user_id: UUID, code: str) -> bool:
        sql = "select 1 from recovery_codes where user_id = %s and digest = %s"
        return self._database.fetch_one(sql, (user_id, self._digest(code))) is not None

    def remove_recovery_code(self, user_id: UUID, code: str) -> Row:
        return "delete from recovery_codes where user_id = %s and digest = %s", (user_id, self._digest(code))

    def put_recovery_codes(self, user_id: UUID, codes: Sequence[str]) -> list[Row]:
        """In place of all that there were."""
        digests = [self._digest(code) for code in codes]
        return [
            ("delete from recovery_codes where user_id = %s", (user_id,)),
            ("insert into recovery_codes (user_id, digest) select %s, unnest(%s::bytea[])", (user_id, digests)),
        ]

    @staticmethod
    def removing(user_id: UUID) -> list[Row]:
        return [
            ("delete from second_factors where user_id = %s", (user_id,)),
            ("delete from recovery_codes where user_id = %s", (user_id,)),
        ]

    def purge(self, before: datetime) -> int:
        """Those that nobody ever confirmed."""
        sql = "delete from second_factors where confirmed_at is null and begun_at < %s"
        return self._database.execute(sql, (before,))

    def _digest(self, code: str) -> bytes:
        return self._tokens.mac("recovery-code", code.encode())

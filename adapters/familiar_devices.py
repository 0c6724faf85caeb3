"""Where people have signed in before, as keyed digests: enough to tell what is new, and nothing to read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from adapters.database import Database, Row
from adapters.tokens import Tokens
from domain.sign_in import Device

KEPT = timedelta(days=180)


class Familiarity(NamedTuple):
    """Whether the person has signed in from there, and whether it ever has from anywhere."""

    is_known: bool
    knows_any: bool


class FamiliarDevices:
    """The only writer of `familiar_devices`."""

    def __init__(self, database: Database, tokens: Tokens) -> None:
        self._database = database
        self._tokens = tokens

    def of(self, user_id: UUID, device: Device) -> Familiarity:
        found = self._database.fetch_one(
            "select coalesce(bool_or(digest = %s), false) as is_known, count(*) > 0 as knows_any"
            " from familiar_devices where user_id = %s",
            (self._digest(device), user_id),
        )
        assert found is not None
        return Familiarity(**found)

    def see(self, user_id: UUID, device: Device, now: datetime) -> Row:
        """From now on it is known."""
        return (
            "insert into familiar_devices (user_id, digest, seen_at) values (%s, %s, %s)"
            " on conflict (user_id, digest) do update set seen_at = excluded.seen_at",
            (user_id, self._digest(device), now),
        )

    @staticmethod
    def erasing(user_id: UUID) -> Row:
        return "delete from familiar_devices where user_id = %s", (user_id,)

    def purge(self, now: datetime) -> int:
        return self._database.execute("delete from familiar_devices where seen_at <= %s", (now - KEPT,))

    def _digest(self, device: Device) -> bytes:
        return self._tokens.mac("familiar-device", f"{device.family or ''} {device.network or ''}".encode())

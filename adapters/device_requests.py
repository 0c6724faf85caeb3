"""Programs that wait to be signed in (RFC 8628): one row each, decided by a person, taken once by the program."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from adapters.database import Database, Row
from domain.device_code import DeviceRequest
from domain.sign_in import LoginSession

SLOWER = 5
"""Seconds by which the interval grows at each question that comes too early (RFC 8628, section 3.5)."""
_SLOWEST = 120
_EARLY = 1
"""Seconds: a network may bring two questions nearer to each other than they were asked."""


_REQUEST = ", ".join(DeviceRequest._fields)


class DeviceRequests:
    """The only writer of `device_requests`. Digests are made elsewhere, with a key that is not in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, request: DeviceRequest, *, device_code_digest: bytes, user_code_digest: bytes) -> bool:
        """False when one of the codes is somebody else's."""
        columns = f"device_code_digest, user_code_digest, {_REQUEST}"
        values = (device_code_digest, user_code_digest, *request)
        return bool(
            self._database.execute(
                f"insert into device_requests ({columns}) values ({', '.join(['%s'] * len(values))})"
                " on conflict do nothing",
                values,
            )
        )

    def pending(self, user_code_digest: bytes, now: datetime) -> DeviceRequest | None:
        """What a person may decide on."""
        found = self._database.fetch_one(
            f"select {_REQUEST} from device_requests"
            " where user_code_digest = %s and state = 'pending' and expires_at > %s",
            (user_code_digest, now),
        )
        return DeviceRequest(**found) if found else None

    def approve(self, request_id: UUID, by: LoginSession, organization_id: UUID | None, now: datetime) -> bool:
        """False when it was decided or is over; of two who decide at once, one does."""
        return bool(
            self._database.execute(
                "update device_requests set state = 'approved', user_id = %s, organization_id = %s,"
                " credential_version = %s, proven_at = %s"
                " where request_id = %s and state = 'pending' and expires_at > %s",
                (by.user_id, organization_id, by.credential_version, by.proven_at, request_id, now),
            )
        )

    def deny(self, request_id: UUID, now: datetime) -> bool:
        """As `approve`."""
        return bool(
            self._database.execute(
                "update device_requests set state = 'denied'"
                " where request_id = %s and state = 'pending' and expires_at > %s",
                (request_id, now),
            )
        )

    def poll(self, device_code_digest: bytes, now: datetime) -> tuple[DeviceRequest, bool] | None:
        """The request, and whether it was asked for too early: then its interval has grown. None when there is none."""
        found = self._database.fetch_one(
            "with before as (select request_id as id,"
            " coalesce(polled_at + make_interval(secs => interval_seconds - %(early)s) > %(now)s, false) as too_early"
            " from device_requests where device_code_digest = %(digest)s for update)"
            " update device_requests set polled_at = %(now)s, interval_seconds ="
            " case when too_early then least(interval_seconds + %(slower)s, %(slowest)s) else interval_seconds end"
            f" from before where request_id = before.id returning too_early, {_REQUEST}",
            {"digest": device_code_digest, "now": now, "early": _EARLY, "slower": SLOWER, "slowest": _SLOWEST},
        )
        if found is None:
            return None
        too_early = found.pop("too_early")
        return DeviceRequest(**found), too_early

    def take(self, request_id: UUID) -> bool:
        """Of two who come for the tokens at once, one gets them."""
        return bool(self._database.execute("delete from device_requests where request_id = %s", (request_id,)))

    @staticmethod
    def erasing(user_id: UUID) -> Row:
        return "delete from device_requests where user_id = %s", (user_id,)

    def purge(self, now: datetime) -> int:
        """Deletes what is over; answers how many."""
        return self._database.execute("delete from device_requests where expires_at <= %s", (now,))

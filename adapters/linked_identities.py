"""Who is who at other providers, and sign-ins there that have begun."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from adapters.database import Database, Row
from domain.sign_in import Identity, ProviderFlow


class LinkedIdentity(NamedTuple):
    """A row of `linked_identities`."""

    issuer: str
    subject: str
    provider: str
    user_id: UUID
    email: str | None
    linked_at: datetime


_IDENTITY = ", ".join(LinkedIdentity._fields)


class LinkedIdentities:
    """The only writer of `linked_identities` and `provider_flows`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, issuer: str, subject: str) -> LinkedIdentity | None:
        found = self._database.fetch_one(
            f"select {_IDENTITY} from linked_identities where issuer = %s and subject = %s", (issuer, subject)
        )
        return LinkedIdentity(**found) if found else None

    def of_user(self, user_id: UUID) -> list[LinkedIdentity]:
        sql = f"select {_IDENTITY} from linked_identities where user_id = %s order by linked_at, provider"
        return [LinkedIdentity(**row) for row in self._database.fetch_all(sql, (user_id,))]

    @staticmethod
    def link(provider: str, identity: Identity, user_id: UUID, now: datetime) -> Row:
        """The transaction fails when the identity is somebody's, or the person has another of the provider's."""
        return (
            f"insert into linked_identities ({_IDENTITY}) values (%s, %s, %s, %s, %s, %s)",
            (identity.issuer, identity.subject, provider, user_id, identity.email, now),
        )

    @staticmethod
    def unlink(provider: str, user_id: UUID) -> Row:
        return "delete from linked_identities where user_id = %s and provider = %s", (user_id, provider)

    @staticmethod
    def erasing(user_id: UUID) -> list[Row]:
        return [
            ("delete from linked_identities where user_id = %s", (user_id,)),
            ("delete from provider_flows where user_id = %s", (user_id,)),
        ]

    def begin(self, state_digest: bytes, flow: ProviderFlow, expires_at: datetime) -> None:
        self._database.execute(
            "insert into provider_flows (state_digest, provider, user_id, expires_at) values (%s, %s, %s, %s)",
            (state_digest, flow.provider, flow.user_id, expires_at),
        )

    def take(self, state_digest: bytes, now: datetime) -> ProviderFlow | None:
        """What was begun with this state, once."""
        found = self._database.fetch_one(
            "delete from provider_flows where state_digest = %s returning provider, user_id, expires_at",
            (state_digest,),
        )
        return ProviderFlow(found["provider"], found["user_id"]) if found and found["expires_at"] > now else None

    def purge(self, now: datetime) -> int:
        return self._database.execute("delete from provider_flows where expires_at <= %s", (now,))

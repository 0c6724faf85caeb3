"""Where webhooks go and how they are signed: addresses and secrets of endpoints, sealed, beside the log."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from adapters.database import Database, Row
from adapters.secrets import Secrets
from domain.webhook_endpoint import WebhookEndpoint

_PURPOSE = "webhook-endpoints"


class KnownEndpoint(NamedTuple):
    """An endpoint as its owner sees it. `url` None: erased. `resumes_at` is the first position of the log that it was
    not told of when it was disabled; `failing_since` and `rests_until` are None for one that works."""

    endpoint_id: UUID
    organization_id: UUID | None
    created_at: datetime
    url: str | None
    description: str | None
    types: tuple[str, ...]
    disabled: str | None
    former_until: datetime | None
    resumes_at: int | None
    failing_since: datetime | None
    rests_until: datetime | None


class Destination(NamedTuple):
    """What it takes to send: the URL, and the secrets that sign now."""

    url: str
    secrets: tuple[str, ...]


_SHOWN = """
    select e.endpoint_id, e.organization_id, e.created_at, e.url, e.description, e.types, e.disabled, e.former_until,
        case when f.state = 'stopped' then f.position + 1 end as resumes_at, o.failing_since, o.rests_until
    from webhook_endpoints e
        left join webhook_feeds f on f.feed_id = e.endpoint_id
        left join webhook_outages o on o.endpoint_id = e.endpoint_id"""


class WebhookBook:
    """The only writer of `webhook_endpoints`; rows are written in the transaction of the endpoint's events."""

    def __init__(self, database: Database, secrets: Secrets) -> None:
        self._database = database
        self._secrets = secrets
        self._digests = secrets.key_for("webhook-urls")

    def digest(self, url: str) -> str:
        """What the log knows of a URL: whoever has the server's secret can check a guess, nobody else."""
        return hmac.digest(self._digests, url.encode(), "sha256").hex()

    # reading

    def with_id(self, endpoint_id: UUID) -> KnownEndpoint | None:
        return self._known(self._database.fetch_one(f"{_SHOWN} where e.endpoint_id = %s", (endpoint_id,)))

    def live(
        self, *, organization_id: UUID | None, after: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[KnownEndpoint]:
        """In the order they were made; all organizations' and the vendor's when None."""
        found = self._database.fetch_all(
            f"{_SHOWN} where (%(organization)s::uuid is null or e.organization_id = %(organization)s)"
            " and (%(at)s::timestamptz is null or (e.created_at, e.endpoint_id) > (%(at)s, %(id)s))"
            " order by e.created_at, e.endpoint_id limit %(limit)s",
            {
                "organization": organization_id,
                "at": after[0] if after else None,
                "id": after[1] if after else None,
                "limit": limit,
            },
        )
        return [known for row in found if (known := self._known(row))]

    def destination(self, endpoint_id: UUID, now: datetime) -> Destination | None:
        """None when the endpoint is gone, or its address was erased."""
        found = self._database.fetch_one(
            "select url, secret, case when former_until > %s then former_secret end as former"
            " from webhook_endpoints where endpoint_id = %s and url is not null",
            (now, endpoint_id),
        )
        if found is None:
            return None
        sealed = [found["secret"], *([found["former"]] if found["former"] else [])]
        opened = tuple(self._open(each, endpoint_id, "secret") for each in sealed)
        return Destination(self._open(found["url"], endpoint_id, "url"), opened)

    def slots(self, organization_id: UUID | None) -> frozenset[int]:
        """The numbers that this owner's endpoints have."""
        found = self._database.fetch_all(
            "select slot from webhook_endpoints where organization_id is not distinct from %s", (organization_id,)
        )
        return frozenset(row["slot"] for row in found)

    def erased(self) -> list[UUID]:
        """Endpoints that have lost their address, and are to be removed."""
        found = self._database.fetch_all("select endpoint_id from webhook_endpoints where url is null")
        return [row["endpoint_id"] for row in found]

    # writing

    def enter(self, endpoint: WebhookEndpoint, *, slot: int, url: str, description: str | None, secret: str) -> Row:
        """Fails on a slot that is taken."""
        return (
            "insert into webhook_endpoints"
            " (endpoint_id, organization_id, slot, created_at, url, description, types, disabled, secret)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                *(endpoint.id, endpoint.organization_id, slot, endpoint.created_on),
                *(self._seal(url, endpoint.id, "url"), description, list(endpoint.types), endpoint.disabled),
                self._seal(secret, endpoint.id, "secret"),
            ),
        )

    def redirect(self, endpoint_id: UUID, url: str) -> Row:
        sealed = self._seal(url, endpoint_id, "url")
        return "update webhook_endpoints set url = %s where endpoint_id = %s", (sealed, endpoint_id)

    @staticmethod
    def describe(endpoint_id: UUID, description: str | None) -> Row:
        return "update webhook_endpoints set description = %s where endpoint_id = %s", (description, endpoint_id)

    @staticmethod
    def filter(endpoint_id: UUID, types: Sequence[str]) -> Row:
        return "update webhook_endpoints set types = %s where endpoint_id = %s", (list(types), endpoint_id)

    @staticmethod
    def enable(endpoint_id: UUID) -> Row:
        return "update webhook_endpoints set disabled = null where endpoint_id = %s", (endpoint_id,)

    @staticmethod
    def disable(endpoint_id: UUID, reason: str) -> Row:
        """The first reason stands."""
        sql = "update webhook_endpoints set disabled = coalesce(disabled, %s) where endpoint_id = %s"
        return sql, (reason, endpoint_id)

    def rotate(self, endpoint_id: UUID, secret: str, former_until: datetime) -> Row:
        """The present secret becomes the former one."""
        return (
            "update webhook_endpoints set former_secret = secret, former_until = %s, secret = %s"
            " where endpoint_id = %s",
            (former_until, self._seal(secret, endpoint_id, "secret"), endpoint_id),
        )

    @staticmethod
    def remove(endpoint_id: UUID) -> Row:
        return "delete from webhook_endpoints where endpoint_id = %s", (endpoint_id,)

    @staticmethod
    def erase(organization_id: UUID) -> Row:
        """Forgets addresses and descriptions when nobody is left in the organization; an errand does the rest."""
        sql = "update webhook_endpoints set url = null, description = null where organization_id = %s"
        return sql, (organization_id,)

    def _seal(self, plain: str, endpoint_id: UUID, field: str) -> bytes:
        return self._secrets.seal(plain.encode(), purpose=_PURPOSE, bound_to=f"{endpoint_id}/{field}")

    def _open(self, sealed: bytes, endpoint_id: UUID, field: str) -> str:
        return self._secrets.unseal(bytes(sealed), purpose=_PURPOSE, bound_to=f"{endpoint_id}/{field}").decode()

    def _known(self, row: dict[str, object] | None) -> KnownEndpoint | None:
        if row is None:
            return None
        id: UUID = row["endpoint_id"]  # type: ignore[assignment]
        url = self._open(row["url"], id, "url") if row["url"] is not None else None  # type: ignore[arg-type]
        return KnownEndpoint(**{**row, "url": url, "types": tuple(row["types"])})  # type: ignore[arg-type]

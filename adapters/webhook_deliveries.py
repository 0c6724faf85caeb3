"""Deliveries of webhooks at work: entered, claimed, settled; how each endpoint bears up; what is kept for how long.

A delivery is claimed before the network call and settled after it; no connection is held in between. One whose worker
died is sent again, under the same webhook-id, when the claim has run out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from adapters.database import Database, Row
from adapters.webhook_post import Answer
from domain.webhook_delivery import RESTS_FROM

CLAIM = 60
"""Seconds for which a claimed delivery is nobody else's."""


class NewDelivery(NamedTuple):
    """One fact for one endpoint. `feed_id` is the endpoint, or the replay that it is part of."""

    delivery_id: UUID
    endpoint_id: UUID
    organization_id: UUID | None
    kind: str
    feed_id: UUID
    event_id: UUID
    type: str
    object_id: UUID
    version: int | None
    position: int | None


class Delivery(NamedTuple):
    """A delivery that is claimed; it has failed `failures` times since it was last begun with."""

    delivery_id: UUID
    endpoint_id: UUID
    organization_id: UUID | None
    kind: str
    feed_id: UUID
    event_id: UUID
    type: str
    object_id: UUID
    version: int | None
    position: int | None
    created_at: datetime
    failures: int
    first_tried_at: datetime | None
    claim: UUID


class Outage(NamedTuple):
    """How many attempts in a row failed, of any deliveries to an endpoint, and since when."""

    failures: int
    failing_since: datetime


_DELIVERY = ", ".join(f"d.{name}" for name in Delivery._fields)
_ENTER = f"""
    insert into webhook_deliveries as d ({", ".join(NewDelivery._fields)}, created_at, due_at)
    select *, %s, %s from unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::uuid[], %s::uuid[], %s::text[],
        %s::uuid[], %s::bigint[], %s::bigint[])
    on conflict (delivery_id) do """
_REVIVE = """update set state = 'waiting', due_at = excluded.due_at, failures = 0, first_tried_at = null,
    finished_at = null where d.state in ('canceled', 'given_up')"""
_CLAIM = f"""
    with free as (
        select d.delivery_id from webhook_deliveries d join webhook_endpoints e using (endpoint_id)
        where d.endpoint_id = %(endpoint)s and d.state = 'waiting' and d.due_at <= %(now)s
            and (d.claimed_until is null or d.claimed_until < clock_timestamp())
            and e.url is not null and (e.disabled is null or d.kind = 'test')
            and not exists (select from webhook_deliveries earlier where earlier.feed_id = d.feed_id
                and earlier.object_id = d.object_id and earlier.state = 'waiting' and earlier.sequence < d.sequence)
        order by d.due_at, d.sequence limit %(limit)s for update of d skip locked
    )
    update webhook_deliveries d
    set claim = %(claim)s, claimed_until = clock_timestamp() + make_interval(secs => {CLAIM})
    from free where d.delivery_id = free.delivery_id
    returning {_DELIVERY}"""
_SETTLE = """
    with settled as (
        update webhook_deliveries set state = %(state)s, attempts = attempts + 1, failures = failures + 1,
            due_at = coalesce(%(due_at)s, due_at), first_tried_at = coalesce(first_tried_at, %(at)s), claim = null,
            claimed_until = null,
            finished_at = case when %(state)s = 'waiting' then null else %(at)s::timestamptz end,
            status = %(status)s, error = %(error)s
        where delivery_id = %(delivery_id)s and claim = %(claim)s returning delivery_id, attempts
    ),
    noted as (
        insert into webhook_attempts (delivery_id, number, at, status, error, latency_ms, body)
        select delivery_id, attempts, %(at)s, %(status)s, %(error)s, %(latency_ms)s, %(body)s from settled
    )"""


class WebhookDeliveries:
    """The only writer of `webhook_deliveries`, `webhook_attempts`, `webhook_outages` and `webhook_outcomes`.

    `now` is the engine's time, by which deliveries are due; claims run out by the machine's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # entering

    @staticmethod
    def enter(new: Sequence[NewDelivery], now: datetime, *, revive: bool = False) -> Row:
        """Due at once. One that is there already stays as it is; with `revive` what was canceled or given up is tried
        anew."""
        columns = [list(column) for column in zip(*new, strict=True)]
        return _ENTER + (_REVIVE if revive else "nothing"), (now, now, *columns)

    def enter_test(self, endpoint_id: UUID, organization_id: UUID | None, type: str, id: UUID, now: datetime) -> None:
        """A delivery about nothing that happened, of the new id."""
        test = NewDelivery(id, endpoint_id, organization_id, "test", id, id, type, endpoint_id, None, None)
        self._database.execute(*self.enter([test], now))

    @staticmethod
    def cancel(endpoint_id: UUID, feed_id: UUID | None, now: datetime) -> Row:
        """What waits for an endpoint (or of one of its replays) is not sent; what is being sent now may be."""
        return (
            "update webhook_deliveries set state = 'canceled', finished_at = %s, claim = null, claimed_until = null"
            " where endpoint_id = %s and state = 'waiting' and kind <> 'test' and feed_id = coalesce(%s, feed_id)",
            (now, endpoint_id, feed_id),
        )

    # sending

    def claim(self, endpoint_id: UUID, *, now: datetime, limit: int) -> list[Delivery]:
        """What may be sent to an endpoint now, in no order: of each object the earliest that waits. Nothing while the
        endpoint rests, and one alone to try it after that."""
        outage = self._database.fetch_one("select * from webhook_outages where endpoint_id = %s", (endpoint_id,))
        if outage and outage["rests_until"] > now:
            return []
        is_trial = outage is not None and outage["failures"] >= RESTS_FROM
        asked = {"endpoint": endpoint_id, "now": now, "limit": 1 if is_trial else limit, "claim": uuid4()}
        claimed = [Delivery(**row) for row in self._database.fetch_all(_CLAIM, asked)]
        if is_trial and claimed:
            self._database.execute(
                "update webhook_outages set rests_until = %s where endpoint_id = %s",
                (now + timedelta(seconds=CLAIM), endpoint_id),
            )
        return sorted(claimed, key=lambda each: (each.position or 0, each.type))

    def release(self, unsent: Sequence[Delivery]) -> None:
        """Gives back what was claimed and not sent."""
        self._database.execute(
            "update webhook_deliveries set claim = null, claimed_until = null"
            " where delivery_id = any(%s) and claim = any(%s)",
            ([each.delivery_id for each in unsent], [each.claim for each in unsent]),
        )

    def delivered(self, delivery: Delivery, answer: Answer, at: datetime) -> None:
        """The endpoint took it. When it comes back after an outage, all that waits for it is due at once."""
        healed = self._database.fetch_one(
            f"{_SETTLE}, healed as (delete from webhook_outages where endpoint_id = %(endpoint_id)s returning failures)"
            " select failures from healed",
            _settling(delivery, answer, at, "delivered", None),
        )
        if healed and healed["failures"] >= RESTS_FROM:
            self._hurry(delivery.endpoint_id, at)

    def failed(self, delivery: Delivery, answer: Answer | None, at: datetime, *, again_at: datetime | None) -> None:
        """Tried again at `again_at`; None: given up. No answer: it was not sent, by a fault of ours."""
        state = "waiting" if again_at else "given_up"
        self._database.execute(
            f"{_SETTLE} select", _settling(delivery, answer or Answer(None, "fault", 0), at, state, again_at)
        )

    def note_failure(self, endpoint_id: UUID, now: datetime) -> Outage:
        """One more in a row."""
        found = self._database.fetch_one(
            "insert into webhook_outages as o (endpoint_id, failures, failing_since, rests_until)"
            " values (%s, 1, %s, %s) on conflict (endpoint_id) do update set failures = o.failures + 1"
            " returning failures, failing_since",
            (endpoint_id, now, now),
        )
        assert found is not None
        return Outage(**found)

    def rest(self, endpoint_id: UUID, until: datetime) -> None:
        """Nothing is sent to the endpoint until then."""
        self._database.execute(
            "update webhook_outages set rests_until = %s where endpoint_id = %s", (until, endpoint_id)
        )

    def _hurry(self, endpoint_id: UUID, now: datetime) -> None:
        self._database.execute(
            "update webhook_deliveries set due_at = %s where endpoint_id = %s and state = 'waiting' and due_at > %s",
            (now, endpoint_id, now),
        )

    @staticmethod
    def forgive(endpoint_id: UUID) -> Row:
        """Its failures count no more."""
        return "delete from webhook_outages where endpoint_id = %s", (endpoint_id,)

    # by hand, and by time

    def retry(self, delivery_id: UUID, endpoint_id: UUID, now: datetime) -> None:
        """Tried now, whatever became of it, for three days anew; its endpoint rests no longer."""
        with self._database.transaction() as connection:
            connection.execute(
                "update webhook_deliveries set state = 'waiting', due_at = %s, failures = 0, first_tried_at = null,"
                " finished_at = null where delivery_id = %s"
                " and (claimed_until is null or claimed_until < clock_timestamp())",
                (now, delivery_id),
            )
            connection.execute("update webhook_outages set rests_until = %s where endpoint_id = %s", (now, endpoint_id))

    def due_endpoints(self, now: datetime, limit: int) -> list[tuple[UUID, UUID | None]]:
        """Endpoints, with their owners, for which something is due that nobody is at."""
        found = self._database.fetch_all(
            "select e.endpoint_id, e.organization_id from webhook_endpoints e"
            " left join webhook_outages o using (endpoint_id)"
            " where e.url is not null and (o.rests_until is null or o.rests_until <= %(now)s)"
            " and exists (select from webhook_deliveries d where d.endpoint_id = e.endpoint_id and d.state = 'waiting'"
            " and d.due_at <= %(now)s and (d.claimed_until is null or d.claimed_until < clock_timestamp()))"
            " limit %(limit)s",
            {"now": now, "limit": limit},
        )
        return [(row["endpoint_id"], row["organization_id"]) for row in found]

    def count(self, outcomes: Mapping[str, int]) -> None:
        """Adds to what `/metrics` shows."""
        if outcomes:
            self._database.execute(
                "insert into webhook_outcomes as o (outcome, n) select * from unnest(%s::text[], %s::bigint[])"
                " on conflict (outcome) do update set n = o.n + excluded.n",
                (list(outcomes), list(outcomes.values())),
            )

    @staticmethod
    def erase(organization_id: UUID) -> Row:
        """Forgets what an organization's endpoints answered."""
        return (
            "update webhook_attempts a set body = null from webhook_deliveries d"
            " where d.delivery_id = a.delivery_id and d.organization_id = %s and a.body is not null",
            (organization_id,),
        )


def _settling(delivery: Delivery, answer: Answer, at: datetime, state: str, due_at: datetime | None) -> dict[str, Any]:
    return {**delivery._asdict(), **answer._asdict(), "at": at, "state": state, "due_at": due_at}

"""The tables of webhooks that go out."""

from __future__ import annotations

from adapters.data_inventory.people import OWN
from adapters.data_inventory.table import Erasing, Kept, table

WEBHOOKS = (
    table(
        "webhook_endpoints",
        "where webhooks go; the address is sealed",
        personal="description",
        id="endpoint_id organization_id",
        secret="url secret former_secret",
        other="slot created_at types disabled former_until",
        of_organization=OWN,
        erased_with="user.erased (the last member's), custody.deleted; the row goes with its removal",
    ).exported("webhook_endpoints", "endpoint_id"),
    table(
        "webhook_deliveries",
        "what was told to whom, without what it said",
        id="delivery_id endpoint_id organization_id feed_id event_id object_id",
        other="sequence kind type version position created_at state attempts failures first_tried_at due_at claim"
        " claimed_until finished_at status error",
        of_organization=OWN,
        erasing=Erasing.DELETE,
        kept=Kept("delivery_log", "finished_at"),
    ).exported("webhook_deliveries", "delivery_id", hide="claim claimed_until"),
    table(
        "webhook_attempts",
        "each attempt, with the beginning of what the endpoint answered",
        personal="body",
        id="delivery_id",
        other="number at status error latency_ms",
        of_organization="exists (select from webhook_deliveries d where d.delivery_id = webhook_attempts.delivery_id"
        " and d.organization_id = :organization)",
        erasing=Erasing.DELETE,
        kept=Kept("delivery_answers", "at", blank=True),
    ).exported("webhook_attempts", "delivery_id, number", hide="body"),
    table(
        "webhook_feeds",
        "how far each endpoint has been told",
        id="feed_id endpoint_id organization_id",
        other="types is_replay state position first_position last_position created_at",
        of_organization=OWN,
    ),
    table("webhook_outages", "endpoints that fail", id="endpoint_id", other="failures failing_since rests_until"),
    table("webhook_outcomes", "how often an attempt came to what", other="outcome n"),
)

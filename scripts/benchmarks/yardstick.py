"""The yardstick: a FastAPI application that parses and answers the bodies of the hot routes and does nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from pydantic import BaseModel

from api.seats import AcquireAnswer, AcquireBody, HeartbeatAnswer, SeatsAnswer
from api.standing import LimitSpan, LimitStanding
from api.usage import CheckAnswer, CheckBody, UsageBody, UsageTaken
from api.webhooks import StripeEvent, WebhookAnswer
from domain.limit import Each, LimitPeriod

_LEASE = "e" * 520
_ENDS = datetime(2030, 1, 1, tzinfo=UTC)


class HeartbeatBody(BaseModel):
    """What a heartbeat says, as a body: Usher's own takes the lease in a header."""

    session_id: UUID
    lease: str


class ValidateBody(BaseModel):
    license_key: str
    fingerprint: str | None = None
    product: str | None = None


class ValidateAnswer(BaseModel):
    valid: bool
    code: str
    license: dict[str, Any] | None


def create_yardstick() -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/bare/heartbeat")
    async def bare_heartbeat(body: HeartbeatBody) -> HeartbeatAnswer:
        return HeartbeatAnswer(lease=body.lease, expires_at=_ENDS, heartbeat_interval=300)

    @app.patch("/api/v1/licenses/sessions/{session_id}/heartbeat")
    async def heartbeat(session_id: UUID) -> HeartbeatAnswer:
        return HeartbeatAnswer(lease=_LEASE, expires_at=_ENDS, heartbeat_interval=300)

    @app.post("/api/v1/licenses/acquire", status_code=201)
    async def acquire(body: AcquireBody) -> AcquireAnswer:
        return AcquireAnswer(
            session_id=UUID(int=1),
            seat=1,
            lease=_LEASE,
            expires_at=_ENDS,
            heartbeat_interval=300,
            seats=SeatsAnswer(limit=1000, used=1),
            overage=False,
        )

    @app.delete("/api/v1/licenses/sessions/{session_id}", status_code=204)
    async def release(session_id: UUID) -> None:
        return None

    @app.post("/api/v1/licenses/validate")
    async def validate(body: ValidateBody) -> ValidateAnswer:
        return ValidateAnswer(valid=True, code="VALID", license=_LICENSE)

    @app.post("/api/v1/webhooks/stripe")
    async def stripe(body: StripeEvent) -> WebhookAnswer:
        return WebhookAnswer(received=True, event=body.id, duplicate=False)

    @app.post("/api/v1/usage", status_code=202)
    async def record(body: UsageBody) -> UsageTaken:
        return UsageTaken(accepted=len(body.records), duplicates=0, position=1)

    @app.post("/api/v1/usage/check")
    async def check(body: CheckBody) -> CheckAnswer:
        return CheckAnswer(allowed=True, remaining=999_999, over=False, limits=[_LIMIT])

    return app


_LIMIT = LimitStanding(
    meter="api_calls",
    limit=1_000_000_000,
    used=1,
    reserved=0,
    remaining=999_999_999,
    granted=0,
    period=LimitSpan(start=_ENDS, end=_ENDS),
    per=LimitPeriod.MONTH,
    each=Each.ORGANIZATION,
    warn_at=0.8,
    hard=True,
    product="metered",
    plan="metered",
)
_LICENSE: dict[str, Any] = {
    "id": str(UUID(int=1)),
    "key_hint": "CODI-…-N3PJ5",
    "organization_id": str(UUID(int=2)),
    "product": "coditect",
    "plan": "pro",
    "plan_version": 1,
    "status": "active",
    "seats": {"limit": 10, "used": 1},
    "features": {"api": True, "sso": False},
    "limits": {"api_calls": {"amount": 1000, "per": "month"}},
    "issued_at": "2026-11-20T12:00:00Z",
    "expires_at": "2027-11-20T12:00:00Z",
    "grace_ends_at": None,
    "suspended_reason": None,
    "subscription_id": None,
}

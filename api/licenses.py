"""Licences: lists, one, its file, who sits on it (contract §8)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from api.auth import Caller, require, services_of
from api.bodies import Code, Moment
from api.license_keys import license_for_reader, license_of_key, visible_license
from api.paging import Listing, Page, page_of
from api.parameters import known_parameters
from application.license_document import license_document, license_file_document
from domain.api_key import Scope
from domain.license import License, Status
from domain.seat import CloseReason
from projections.licenses import list_licenses
from projections.positions import position_of
from projections.seats import list_sessions, seats_used

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(tags=["licenses"], dependencies=[Depends(known_parameters)])


class LicenseSeats(BaseModel):
    limit: int = Field(description="Granted; the plan may allow some more at once.")
    used: int


class LicenseMachines(BaseModel):
    limit: int
    used: int


class LimitAnswer(BaseModel):
    """`each`, `anchor` and `on_upgrade` where the plan says something else than usual (docs/catalogs)."""

    model_config = ConfigDict(extra="allow")

    amount: int | Literal["unlimited"]
    per: str
    warn_at: float | None
    hard: bool


class LicenseAnswer(BaseModel):
    id: UUID
    key_hint: str
    organization_id: UUID
    product: str
    plan: str
    plan_version: int
    status: Status = Field(description="`active` and `grace` work, the others do not.")
    seats: LicenseSeats
    features: dict[str, bool | int]
    limits: dict[str, LimitAnswer | list[LimitAnswer]]
    issued_at: Moment
    expires_at: Moment | None
    grace_ends_at: Moment | None
    suspended_reason: str | None
    subscription_id: UUID | None
    machines: LicenseMachines | None = Field(description="Of a node-locked licence; null for all others.")


class LicenseListing(Listing):
    data: list[LicenseAnswer]


class SessionState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class SeatSessionAnswer(BaseModel):
    session_id: UUID
    seat: int
    state: SessionState
    fingerprint_digest: str
    opened_at: Moment
    overage: bool = Field(description="Above the seats that were bought.")
    borrowed_until: Moment | None
    closed_at: Moment | None
    reason: CloseReason | None = Field(description="Why it was closed.")
    hostname: str | None
    user: str | None
    platform: str | None
    app_version: str | None
    address: str | None
    user_agent: str | None


class SeatSessionListing(Listing):
    data: list[SeatSessionAnswer]


@router.get("/licenses")
def show_licenses(
    status: Status | None = None,
    product: Code | None = None,
    subscription_id: UUID | None = None,
    organization_id: UUID | None = None,
    caller: Caller = require(Scope.LICENSES_READ),
    page: Page = Depends(page_of),
    services: Services = Depends(services_of),
) -> LicenseListing:
    """Licences as they stand now, newest first."""
    conditions = {"status": status, "product": product, "subscription_id": subscription_id}
    return license_listing(services, page, organization_id=caller.narrow(organization_id), **conditions)


@router.get("/licenses/current")
def show_current_license(
    license: License = Depends(license_of_key), services: Services = Depends(services_of)
) -> LicenseAnswer:
    """The licence of the key that is presented, however it stands."""
    return license_answer(services, license)


@router.get("/licenses/{license_id}")
def show_license(
    license_id: UUID, caller: Caller = require(Scope.LICENSES_READ), services: Services = Depends(services_of)
) -> LicenseAnswer:
    """One licence, from the log: what was just done to it is seen."""
    return license_answer(services, visible_license(services, caller, license_id))


@router.get(
    "/licenses/{license_id}/download",
    response_class=Response,
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
)
def download_license(
    algorithm: Literal["ed25519", "rsa-4096"] = "ed25519",
    license: License = Depends(license_for_reader),
    services: Services = Depends(services_of),
) -> Response:
    """The signed licence file (docs/licence-files.md), as long as the licence works. Its own key is enough."""
    now = services.clock.now()
    license.status(now).require_working()
    file = services.license_file(license_file_document(license, now=now), algorithm)
    name = services.license_file_name(license.terms.product)
    return Response(file, 200, {"Content-Disposition": f'attachment; filename="{name}"'}, media_type="application/json")


@router.get("/licenses/{license_id}/sessions")
def show_sessions(
    license_id: UUID,
    state: SessionState | None = None,
    caller: Caller = require(Scope.LICENSES_READ),
    page: Page = Depends(page_of),
    services: Services = Depends(services_of),
) -> SeatSessionListing:
    """Who sits, and who sat, newest first. What clients said of themselves is erasable, and null then."""
    visible_license(services, caller, license_id)
    with services.database.connection() as connection:
        position = position_of(connection, "seats")
        found = list_sessions(connection, license_id, state=state, after=page.after_number, limit=page.take)
    return SeatSessionListing(**page.answer(found, cursor=_position, show=_session, position=position))


def license_answer(services: Services, license: License) -> LicenseAnswer:
    """A licence from the log, with the seats taken at this moment, which are counted in everybody's events."""
    with services.unwalled.connection() as connection:
        used = seats_used(connection, license.id)
    return LicenseAnswer(**license_document(license, now=services.clock.now(), used=used))


def license_listing(services: Services, page: Page, **conditions: Any) -> LicenseListing:
    """A page of the read model; `conditions` are those of `list_licenses`."""
    now = services.clock.now()
    with services.database.connection() as connection:
        position = position_of(connection, "licenses")
        found = list_licenses(connection, now=now, after=page.after_number, limit=page.take, **conditions)
    return LicenseListing(**page.answer(found, cursor=_position, show=_item, position=position))


def _item(row: dict[str, Any]) -> LicenseAnswer:
    seats = {"limit": row["seats"], "used": row["seats_used"]}
    machines = row["machines_limit"] and {"limit": row["machines_limit"], "used": row["machines_used"]}
    return LicenseAnswer(**{**row, "id": row["license_id"], "seats": seats, "machines": machines})


def _session(row: dict[str, Any]) -> SeatSessionAnswer:
    state = SessionState.CLOSED if row["closed_at"] else SessionState.OPEN
    return SeatSessionAnswer(**{**row, "state": state, "user": row["user_name"]})


def _position(row: dict[str, Any]) -> tuple[int]:
    return (row["position"],)

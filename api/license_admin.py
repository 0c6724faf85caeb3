"""Licences in the vendor's hands: issue, suspend, resize, revoke …, and clearing a seat (contract §8, §9)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from api.auth import require, services_of
from api.bodies import Body, Code, Line, Search, Time
from api.idempotency import RepeatableRoute
from api.licenses import LicenseAnswer, LicenseListing, license_answer, license_listing
from api.paging import Page, page_of
from api.parameters import known_parameters
from domain.api_key import Scope
from domain.errors import InvalidRequest
from domain.license import Status

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from application.licenses import NewLicense

router = APIRouter(
    tags=["admin"],
    prefix="/admin",
    route_class=RepeatableRoute,
    dependencies=[require(Scope.ADMIN), Depends(known_parameters)],
)

_MOST_SEATS = 1_000_000
_LATEST_END = timedelta(days=36_525)


class IssueBody(Body):
    """A licence that no subscription pays for. Without `seats` and `expires_at`, what one unit of the plan grants."""

    organization_id: UUID
    plan: Code
    seats: int | None = Field(None, ge=1, le=_MOST_SEATS)
    expires_at: Time | None = Field(None, description="In the future, at most a hundred years.")


class ReasonBody(Body):
    """`reason` stays in the history for ever: no personal data."""

    reason: Line


class ResizeBody(ReasonBody):
    seats: int = Field(ge=1, le=_MOST_SEATS)


class ExtendBody(ReasonBody):
    expires_at: Time | None = Field(description="The new end, in the future; null for none.")


class NewLicenseAnswer(LicenseAnswer):
    license_key: str = Field(description="The whole key. It cannot be shown again.")


@router.get("/licenses")
def find_licenses(
    q: Search | None = Query(None, description="A part of the key's hint or of an address of the organization."),
    status: Status | None = None,
    product: Code | None = None,
    subscription_id: UUID | None = None,
    organization_id: UUID | None = None,
    page: Page = Depends(page_of),
    services: Services = Depends(services_of),
) -> LicenseListing:
    """Licences of all organizations as they stand now, newest first."""
    conditions = {"status": status, "product": product, "subscription_id": subscription_id}
    return license_listing(services, page, q=q, organization_id=organization_id, **conditions)


@router.post("/licenses", status_code=201)
def issue_license(body: IssueBody, services: Services = Depends(services_of)) -> NewLicenseAnswer:
    """A new licence, with its key this once."""
    end = _bounded(services, body.expires_at)
    return _new(services, services.licenses.issue(body.organization_id, body.plan, seats=body.seats, expires_at=end))


@router.post("/licenses/{license_id}/suspend")
def suspend_license(license_id: UUID, body: ReasonBody, services: Services = Depends(services_of)) -> LicenseAnswer:
    """Holds the licence back, whatever its payments say, and ends its sessions. Twice is once."""
    return license_answer(services, services.licenses.suspend(license_id, reason=body.reason))


@router.post("/licenses/{license_id}/reinstate")
def reinstate_license(license_id: UUID, body: ReasonBody, services: Services = Depends(services_of)) -> LicenseAnswer:
    """Lifts a hold of the vendor, and the one that payments have put, until something new happens to them."""
    return license_answer(services, services.licenses.reinstate(license_id, reason=body.reason))


@router.post("/licenses/{license_id}/revoke")
def revoke_license(license_id: UUID, body: ReasonBody, services: Services = Depends(services_of)) -> LicenseAnswer:
    """Ends the licence for good, with its sessions."""
    return license_answer(services, services.licenses.revoke(license_id, reason=body.reason))


@router.post("/licenses/{license_id}/resize")
def resize_license(license_id: UUID, body: ResizeBody, services: Services = Depends(services_of)) -> LicenseAnswer:
    """Another number of seats; when fewer are left than are taken, the newest sessions end."""
    return license_answer(services, services.licenses.resize(license_id, body.seats, reason=body.reason))


@router.post("/licenses/{license_id}/extend")
def extend_license(license_id: UUID, body: ExtendBody, services: Services = Depends(services_of)) -> LicenseAnswer:
    """Another end. A subscription's licence follows its next payment again."""
    end = _bounded(services, body.expires_at)
    return license_answer(services, services.licenses.extend(license_id, end, reason=body.reason))


@router.post("/licenses/{license_id}/rotate-key")
def rotate_license_key(
    license_id: UUID, body: ReasonBody, services: Services = Depends(services_of)
) -> NewLicenseAnswer:
    """A new key, shown this once; the old one is refused from now on, and whoever sits stays seated."""
    return _new(services, services.licenses.rotate_key(license_id, reason=body.reason))


@router.delete("/sessions/{session_id}", status_code=204)
def evict_session(
    session_id: UUID,
    body: ReasonBody | None = None,
    reason: Line | None = Query(None, description="Or in the body."),
    services: Services = Depends(services_of),
) -> None:
    """Clears a seat: its client's next heartbeat gets 410. A session that has ended stays as it ended."""
    given = body.reason if body else reason
    if given is None:
        raise InvalidRequest.field("reason", "say why, in the body or in the query")
    services.seat_work.evict(session_id, note=given)


def _new(services: Services, made: NewLicense) -> NewLicenseAnswer:
    return NewLicenseAnswer(**license_answer(services, made.license).model_dump(), license_key=made.key.text)


def _bounded(services: Services, end: datetime | None) -> datetime | None:
    """An end far beyond every calendar would make the licence's other times unthinkable."""
    if end is not None and end > services.clock.now() + _LATEST_END:
        raise InvalidRequest.field("expires_at", "must be at most a hundred years from now")
    return end

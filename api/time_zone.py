"""The time zone whose days and months an organization's limits follow."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from api.auth import Caller, require, services_of
from api.bodies import Body, Code
from domain.api_key import Scope

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(tags=["people"])


class TimeZone(Body):
    """A name of the IANA database."""

    time_zone: Code = "UTC"


class TimeZoneAnswer(BaseModel):
    organization_id: UUID
    time_zone: str


@router.put("/organizations/{organization_id}/time-zone")
def set_time_zone(
    organization_id: UUID,
    body: TimeZone,
    caller: Caller = require(Scope.SUBSCRIPTIONS_WRITE),
    services: Services = Depends(services_of),
) -> TimeZoneAnswer:
    """Days, weeks, months and years that follow the calendar begin by this zone from now on, those under way too."""
    caller.must_see(organization_id, "organization", organization_id)
    organization = services.organizations.set_time_zone(organization_id, body.time_zone, now=services.clock.now())
    services.quota_work.forget(organization_id)
    return TimeZoneAnswer(organization_id=organization_id, time_zone=organization.time_zone)

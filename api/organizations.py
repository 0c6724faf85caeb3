"""Organizations: a person's own, and all of them for the vendor."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from api.auth import PERSON, Caller, caller_of, let_in, require, services_of
from api.bodies import Body, Code, Line, Moment, Search
from api.idempotency import RepeatableRoute
from api.limits import Limit, admit
from api.paging import Listing, Page, page_of
from api.users import MembershipAnswer, membership_answer, profile_of
from domain.api_key import Scope
from domain.role import Role

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from application.organizations import Contact, Membership

router = APIRouter(tags=["organizations"], route_class=RepeatableRoute)

_FOUND = Limit("found-organization", 10, timedelta(hours=1))


class NewOrganizationBody(Body):
    name: Line


class OrganizationBody(Body):
    """What is left out stays."""

    name: Line | None = None
    contact_user_id: UUID | None = Field(None, description="The member to whom mails about licences and payments go.")
    time_zone: Code | None = Field(None, description="Whose days and months limits follow, by its IANA name.")


class OrganizationItem(BaseModel):
    id: UUID
    name: str | None
    contact_name: str | None
    email: str | None
    created_at: Moment


class OrganizationAnswer(OrganizationItem):
    time_zone: str
    merged_into: UUID | None = Field(description="Where everything went when it turned out to be the same customer.")


class OrganizationListing(Listing):
    data: list[OrganizationItem]


class MembershipListing(Listing):
    data: list[MembershipAnswer]


@router.get("/organizations")
def list_own_organizations(
    caller: Caller = let_in(PERSON), page: Page = Depends(page_of), services: Services = Depends(services_of)
) -> MembershipListing:
    """Where the person is a member, and as what; the oldest membership first. To act for another one:
    `/auth/switch`."""
    profile_of(services, caller)
    joined, after = services.organizations.joined_by(caller.user_id), page.after_time_and_id
    found = [each for each in joined if after is None or _place(each) > after][: page.take]
    return MembershipListing(**page.answer(found, cursor=_place, show=membership_answer))


@router.post("/organizations", status_code=201)
def found_organization(
    body: NewOrganizationBody, caller: Caller = let_in(PERSON), services: Services = Depends(services_of)
) -> MembershipAnswer:
    """Another organization, owned by the person. To act for it: `/auth/switch`."""
    profile_of(services, caller)
    admit(services, _FOUND, str(caller.user_id))
    id = services.organizations.found(caller.user_id, body.name)
    founded = services.organizations.fetch(id)
    return MembershipAnswer(organization_id=id, name=body.name, role=Role.OWNER, joined_at=founded.created_on)


@router.get("/organizations/{organization_id}")
def show_organization(
    organization_id: UUID, caller: Caller = Depends(caller_of), services: Services = Depends(services_of)
) -> OrganizationAnswer:
    """An organization: whom to write to (null when erased or unknown)."""
    caller.must_see(organization_id, "organization", organization_id)
    return _shown(services, organization_id)


@router.patch("/organizations/{organization_id}")
def change_organization(
    organization_id: UUID,
    body: OrganizationBody,
    caller: Caller = require(Scope.ORGANIZATION_WRITE),
    services: Services = Depends(services_of),
) -> OrganizationAnswer:
    """Another name, another member who is written to, or another time zone: the periods of limits that follow the
    calendar, those under way too, are of that zone from now on."""
    caller.must_see(organization_id, "organization", organization_id)
    services.organizations.change(
        organization_id, name=body.name, contact=body.contact_user_id, time_zone=body.time_zone
    )
    if body.time_zone is not None:
        services.quota_work.forget(organization_id)
    return _shown(services, organization_id)


@router.get("/admin/organizations", tags=["admin"], dependencies=[require(Scope.ADMIN)])
def list_organizations(
    q: Search | None = Query(None, description="A part of the address, the name or the company's name."),
    page: Page = Depends(page_of),
    services: Services = Depends(services_of),
) -> OrganizationListing:
    """Every organization that can be written to, oldest first."""
    position = services.store.recorder.max_notification_id() or 0
    found = services.organizations.contacts(search=q, after=page.after_time_and_id, limit=page.take)
    return OrganizationListing(
        **page.answer(found, cursor=lambda one: (one.since, one.organization_id), show=_item, position=position)
    )


def _place(joined: tuple[Membership, Contact | None]) -> tuple[datetime, UUID]:
    return joined[0].joined_at, joined[0].organization_id


def _shown(services: Services, organization_id: UUID) -> OrganizationAnswer:
    organization = services.organizations.fetch(organization_id)
    contact = services.organizations.contact(organization_id)
    return OrganizationAnswer(
        id=organization_id,
        name=contact.company_name if contact else None,
        contact_name=contact.name if contact else None,
        email=contact.email if contact else None,
        created_at=organization.created_on,
        time_zone=organization.time_zone,
        merged_into=organization.merged_into,
    )


def _item(contact: Contact) -> OrganizationItem:
    return OrganizationItem(
        id=contact.organization_id,
        name=contact.company_name,
        contact_name=contact.name,
        email=contact.email,
        created_at=contact.since,
    )

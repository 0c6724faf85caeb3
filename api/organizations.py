"""Organizations: the own one, and all of them for the vendor."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from api.auth import Caller, caller_of, require, services_of
from api.bodies import Moment, Search
from api.paging import Listing, Page, page_of
from domain.api_key import Scope

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from application.organizations import Contact

router = APIRouter(tags=["organizations"])


class OrganizationItem(BaseModel):
    id: UUID
    name: str | None
    contact_name: str | None
    email: str | None
    created_at: Moment


class OrganizationAnswer(OrganizationItem):
    merged_into: UUID | None = Field(description="Where everything went when it turned out to be the same customer.")


class OrganizationListing(Listing):
    data: list[OrganizationItem]


@router.get("/organizations/{organization_id}")
def show_organization(
    organization_id: UUID, caller: Caller = Depends(caller_of), services: Services = Depends(services_of)
) -> OrganizationAnswer:
    """An organization: whom to write to (null when erased or unknown)."""
    caller.must_see(organization_id, "organization", organization_id)
    organization = services.organizations.fetch(organization_id)
    contact = services.organizations.contact(organization_id)
    return OrganizationAnswer(
        id=organization_id,
        name=contact.company_name if contact else None,
        contact_name=contact.name if contact else None,
        email=contact.email if contact else None,
        created_at=organization.created_on,
        merged_into=organization.merged_into,
    )


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


def _item(contact: Contact) -> OrganizationItem:
    return OrganizationItem(
        id=contact.organization_id,
        name=contact.company_name,
        contact_name=contact.name,
        email=contact.email,
        created_at=contact.since,
    )

"""Webhooks that came in, and what became of them: for the vendor (contract §7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from api.auth import require, services_of
from api.bodies import Line, Moment
from api.paging import Listing, Page, page_of
from api.parameters import known_parameters
from domain.api_key import Scope
from domain.provider_event import ProviderEvent, Status
from projections.positions import position_of
from projections.provider_events import list_provider_events

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(
    tags=["admin"], prefix="/admin/provider-events", dependencies=[require(Scope.ADMIN), Depends(known_parameters)]
)


class ProviderEventAnswer(BaseModel):
    id: UUID
    provider: str
    event: str = Field(description="The provider's id of it, e.g. `evt_…`.")
    type: str
    status: Status
    occurred_at: Moment = Field(description="The provider's time.")
    received_at: Moment
    changed_at: Moment
    waiting_for: str | None = Field(description="Of a deferred event: what it depends on and is not known yet.")
    problem: str | None = Field(description="Why it was ignored, or the kind of the fault it failed with.")
    consequences: list[UUID] = Field(description="The streams that its processing touched.")
    remarks: list[str] = Field(description="What was odd about it, e.g. an object of another API version.")


class ProviderEventListing(Listing):
    data: list[ProviderEventAnswer]


@router.get("")
def show_provider_events(
    status: Status | None = None,
    type: Line | None = None,
    page: Page = Depends(page_of),
    services: Services = Depends(services_of),
) -> ProviderEventListing:
    """Webhooks of all organizations, newest first."""
    with services.database.connection() as connection:
        position = position_of(connection, "provider_events")
        found = list_provider_events(connection, status=status, type=type, after=page.after_number, limit=page.take)
    return ProviderEventListing(
        **page.answer(found, cursor=lambda row: (row["position"],), show=_item, position=position)
    )


@router.get("/{provider_event_id}")
def show_provider_event(provider_event_id: Line, services: Services = Depends(services_of)) -> ProviderEventAnswer:
    """One webhook, from the log; by our id or by the provider's (`evt_…`)."""
    return _shown(services.billing.find(provider_event_id))


@router.post("/{provider_event_id}/retry")
def retry_provider_event(provider_event_id: Line, services: Services = Depends(services_of)) -> ProviderEventAnswer:
    """Tries a failed, deferred or ignored webhook again; one that is processed stays so."""
    return _shown(services.billing.retry(services.billing.find(provider_event_id).id))


def _shown(event: ProviderEvent) -> ProviderEventAnswer:
    return ProviderEventAnswer(
        id=event.id,
        provider=event.provider,
        event=event.event,
        type=event.type,
        status=event.status,
        occurred_at=event.occurred_at,
        received_at=event.created_on,
        changed_at=event.modified_on,
        waiting_for=event.waiting_for,
        problem=event.problem,
        consequences=list(event.consequences),
        remarks=list(event.remarks),
    )


def _item(row: dict[str, Any]) -> ProviderEventAnswer:
    return ProviderEventAnswer(
        **{
            **row,
            "id": row["provider_event_id"],
            "consequences": list(row["consequences"] or ()),
            "remarks": list(row["remarks"] or ()),
        }
    )

"""What payment providers had otherwise than we, and what was done about it: for the vendor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from api.auth import require, services_of
from api.bodies import Moment
from api.paging import Listing, Page, page_of
from api.parameters import known_parameters
from application.provider_commands import PROVIDER
from domain.api_key import Scope
from domain.drift import Drift, Outcome, Run, What

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(tags=["admin"], dependencies=[require(Scope.ADMIN), Depends(known_parameters)])


class DriftAnswer(BaseModel):
    kind: str = Field(description="`event`, or a kind of object at the provider.")
    reference: str = Field(description="The provider's name of it.")
    what: What = Field(description="An event that was missed, an object that is missing here, or one that differs.")
    fields: list[str] = Field(description="In which of our state it differs; of a missed event its type.")
    repaired: bool
    problem: str | None

    @classmethod
    def of(cls, drift: Drift) -> Self:
        return cls(**{**vars(drift), "fields": list(drift.fields)})


class RunAnswer(BaseModel):
    id: UUID
    provider: str
    dry_run: bool
    started_at: Moment
    ended_at: Moment
    outcome: Outcome = Field(description="`stopped`: the next run goes on from there.")
    problem: str | None
    calls: int = Field(description="Requests to the provider.")
    events: int = Field(description="Looked at, as far as they concern us.")
    objects: int
    found: int
    repaired: int
    drift: list[DriftAnswer]

    @classmethod
    def of(cls, run: Run) -> Self:
        found = {**vars(run), "found": len(run.drift), "repaired": run.repaired}
        return cls(**{**found, "drift": [DriftAnswer.of(each) for each in run.drift]})


class ReconciliationAnswer(Listing):
    events_until: Moment | None = Field(description="All events up to here were looked at.")
    objects_until: Moment | None = Field(description="When the last pass over all objects that is through began.")
    data: list[RunAnswer] = Field(description="The newest run first; those that found nothing are kept for a week.")


@router.get("/admin/reconciliation")
def show_reconciliation(
    drift_only: bool = Query(False, description="Only runs that found something."),
    page: Page = Depends(page_of),
    services: Services = Depends(services_of),
) -> ReconciliationAnswer:
    """How far Stripe was laid beside what we have, and what each look found. It runs by itself every five minutes."""
    records = services.reconciliation_records
    place = records.place(PROVIDER)
    found = records.runs(limit=page.take, after=page.after_time_and_id, drift_only=drift_only)
    return ReconciliationAnswer(
        events_until=place.events_until,
        objects_until=place.pass_ended_at,
        **page.answer(found, cursor=lambda run: (run.started_at, run.id), show=RunAnswer.of),
    )

"""The records of usage, how limits stand, and what is counted at all (contract §10)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from api.auth import Caller, require, services_of
from api.bodies import Code, Moment
from api.paging import Listing, Page, page_of
from api.parameters import known_parameters
from api.quantities import Quantity
from api.standing import LimitStanding, standing_document
from api.usage import Subject, account_of
from api.usage_charts import Span, span_of
from domain.api_key import Scope
from domain.meter import Aggregation, MeterTerms, shown

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(tags=["usage"], dependencies=[Depends(known_parameters)])


class RecordAnswer(BaseModel):
    """`voids`: the record that this one cancels; `voided_by`: the one that cancels this."""

    position: int
    id: str
    meter: str
    quantity: Quantity
    at: Moment
    recorded_at: Moment
    subject: str | None
    key_id: UUID | None
    dimensions: dict[str, str]
    voids: str | None
    voided_by: str | None


class RecordListing(Listing):
    data: list[RecordAnswer]


class QuotaListing(BaseModel):
    data: list[LimitStanding]


class MeterAnswer(BaseModel):
    code: str
    name: str
    aggregation: Aggregation
    unit: str | None
    decimals: int
    dimensions: list[str] | None = Field(description="Null: any.")
    counts: str | None


class MeterListing(BaseModel):
    data: list[MeterAnswer]


@router.get("/usage/records")
async def show_usage_records(
    meter: Code,
    of_subject: Subject | None = Query(None, description="Of one subject only."),
    key_id: UUID | None = None,
    organization_id: UUID | None = None,
    subject: Subject | None = Query(None, description="For the vendor: a subject that is no organization's."),
    span: Span = Depends(span_of),
    page: Page = Depends(page_of),
    caller: Caller = require(Scope.USAGE_READ),
    services: Services = Depends(services_of),
) -> RecordListing:
    """The records themselves, in order of time: what any figure is made of."""
    account_id = await account_of(services, caller, organization_id, subject)

    def read() -> dict[str, Any]:
        found = services.usage_records.page(
            services.rights_book.read(account_id).rights.accounts,
            meter=meter,
            since=span.since,
            before=span.before,
            subject=services.subject_digests.digest(of_subject) if of_subject else None,
            key_id=key_id,
            after=page.after and (datetime.fromisoformat(str(page.after[0])), int(page.after[1])),
            limit=page.take,
        )
        return page.answer(found, cursor=lambda each: (each.at, each.position), show=_record)

    return RecordListing(**await run_in_threadpool(read))


@router.get("/quotas")
async def show_quotas(
    meter: Code | None = None,
    organization_id: UUID | None = None,
    subject: Subject | None = Query(None, description="With it, the limits of each subject too."),
    key_id: UUID | None = Query(None, description="With it, the limits of each key too."),
    caller: Caller = require(Scope.USAGE_READ),
    services: Services = Depends(services_of),
) -> QuotaListing:
    """How every limit stands now, up to the last record."""
    account_id = await account_of(services, caller, organization_id, subject, key_id)
    digest = services.subject_digests.digest(subject) if subject is not None else None
    verdict = await services.quotas.standing(account_id, subject=digest, key_id=key_id)
    lines = [each for each in verdict.lines if meter in (None, each[0].standing.limit.meter)]
    return QuotaListing(data=[LimitStanding(**standing_document(*each)) for each in lines])


@router.get("/meters")
def show_meters(_: Caller = require(Scope.USAGE_READ), services: Services = Depends(services_of)) -> MeterListing:
    """Everything that is counted."""
    meters = sorted(services.offer.look().meters.items())
    return MeterListing(data=[_meter(code, terms) for code, terms in meters])


def _record(record: Any) -> RecordAnswer:
    return RecordAnswer(**{**record._asdict(), "quantity": shown(record.quantity), "subject": record.name})


def _meter(code: str, terms: MeterTerms) -> MeterAnswer:
    return MeterAnswer(
        code=code,
        name=terms.name,
        aggregation=terms.aggregation,
        unit=terms.unit or None,
        decimals=terms.decimals,
        dimensions=None if terms.dimensions is None else list(terms.dimensions),
        counts=terms.counts,
    )

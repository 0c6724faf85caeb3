"""What the vendor sees of the data that is kept, and for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from api.auth import require, services_of
from api.bodies import Moment
from api.parameters import known_parameters
from domain.api_key import Scope
from domain.durations import text

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(tags=["admin"], dependencies=[require(Scope.ADMIN)])


class RetentionItem(BaseModel):
    rule: str
    meaning: str
    period: str = Field(description="ISO 8601; set by `USHER_RETENTION`.")
    default: str
    tables: list[str]
    last_run_at: Moment | None
    last_deleted: int
    deleted: int = Field(description="By all runs.")
    is_behind: bool = Field(description="There was more than the last run had time for.")
    due: int | None = Field(description="Rows that a run would take, 100,000 at most a table; null unless asked for.")


class HeldItem(BaseModel):
    organization_id: UUID
    placed_at: Moment


class RetentionAnswer(BaseModel):
    rules: list[RetentionItem]
    legal_holds: list[HeldItem]


@router.get("/admin/retention", dependencies=[Depends(known_parameters)])
def show_retention(
    count: bool = Query(False, description="Count what is due, which reads tables."),
    services: Services = Depends(services_of),
) -> RetentionAnswer:
    """How long each kind of data is kept, what was deleted for its age, and whose data is under legal hold."""
    rules = [
        RetentionItem(**{**each._asdict(), "period": text(each.period), "default": text(each.default)})
        for each in services.retention.report(count=count)
    ]
    return RetentionAnswer(rules=rules, legal_holds=[HeldItem(**each) for each in services.data_sweep.held()])

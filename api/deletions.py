"""Asking for a deletion and stopping it; for the vendor also what was erased, and legal holds (docs/data-rights.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from api.auth import PERSON, Caller, let_in, require, require_role, services_of
from api.bodies import Body, Line, Moment
from api.paging import Listing, Page, page_of
from api.step_up import recently_proven
from api.users import profile_of
from domain.api_key import Scope
from domain.role import Role

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from adapters.deletions import Deletion

router = APIRouter(tags=["data"])


class DeletionAnswer(BaseModel):
    state: str = Field(description="`scheduled`, `stopped`, `erasing` or `done`.")
    asked_at: Moment
    due_at: Moment = Field(description="When it is done, unless it is stopped.")
    obstacle: str | None = Field(description="Why it waits though it is due, e.g. `subscriptions_running`.")


class DeletionItem(DeletionAnswer):
    subject_id: UUID
    kind: str = Field(description="`person` or `organization`.")
    erased: dict[str, int] = Field(description="Table → rows that were deleted or emptied.")
    kept: dict[str, Any] = Field(description="What the law wants kept: of whom, and until when.")
    finished_at: Moment | None


class DeletionListing(Listing):
    data: list[DeletionItem]


class HoldBody(Body):
    reason: Line


@router.delete("/me", status_code=202)
def delete_me(caller: Caller = let_in(PERSON), services: Services = Depends(services_of)) -> DeletionAnswer:
    """Has the person erased after the stated delay, until which it can be stopped.

    409 `last_owner`: others would be left without an owner. 409 `subscriptions_running`: nobody would be left who can
    end them. An organization that is left with nobody loses its keys and what is known of it, too.
    403 `step_up_required`: the last proof of who it is is older than ten minutes.
    """
    profile_of(services, caller)
    recently_proven(caller, services)
    return _shown(services.deletions.schedule_person(_id(caller)))


@router.get("/me/deletion")
def show_my_deletion(caller: Caller = let_in(PERSON), services: Services = Depends(services_of)) -> DeletionAnswer:
    """The deletion that the person asked for last."""
    profile_of(services, caller)
    return _shown(services.deletions.find(_id(caller)))


@router.delete("/me/deletion", status_code=204)
def stop_my_deletion(caller: Caller = let_in(PERSON), services: Services = Depends(services_of)) -> None:
    """Stops it; 404 when none is scheduled."""
    profile_of(services, caller)
    services.deletions.stop("person", _id(caller))


@router.delete("/organizations/{organization_id}", status_code=202)
def delete_organization(
    organization_id: UUID, caller: Caller = require_role(Role.OWNER), services: Services = Depends(services_of)
) -> DeletionAnswer:
    """Has the organization deleted after the stated delay, until which an owner can stop it. Then its licences and keys
    end, and nobody is a member any more. 409 `subscriptions_running` while something will be charged again."""
    caller.must_see(organization_id, "organization", organization_id)
    return _shown(services.deletions.schedule_organization(organization_id, by=_id(caller)))


@router.get("/organizations/{organization_id}/deletion")
def show_deletion_of_organization(
    organization_id: UUID, caller: Caller = require_role(Role.ADMIN), services: Services = Depends(services_of)
) -> DeletionAnswer:
    """The deletion that was asked for last."""
    caller.must_see(organization_id, "organization", organization_id)
    return _shown(services.deletions.find(organization_id))


@router.delete("/organizations/{organization_id}/deletion", status_code=204)
def stop_deletion_of_organization(
    organization_id: UUID, caller: Caller = require_role(Role.OWNER), services: Services = Depends(services_of)
) -> None:
    """Stops it; 404 when none is scheduled."""
    caller.must_see(organization_id, "organization", organization_id)
    services.deletions.stop("organization", organization_id)


@router.get("/admin/deletions", tags=["admin"], dependencies=[require(Scope.ADMIN)])
def list_deletions(page: Page = Depends(page_of), services: Services = Depends(services_of)) -> DeletionListing:
    """Every deletion that was asked for: what was erased, and what is kept by law."""
    found = services.deletions.known(after=page.after_time_and_id, limit=page.take)
    return DeletionListing(**page.answer(found, cursor=lambda one: (one.asked_at, one.subject_id), show=_item))


@router.put(
    "/admin/organizations/{organization_id}/legal-hold",
    status_code=204,
    tags=["admin"],
    dependencies=[require(Scope.ADMIN)],
)
def place_hold(organization_id: UUID, body: HoldBody, services: Services = Depends(services_of)) -> None:
    """Neither retention nor erasure takes anything of the organization from now on."""
    services.deletions.hold(organization_id, body.reason)


@router.post(
    "/admin/organizations/{organization_id}/legal-hold/lift",
    status_code=204,
    tags=["admin"],
    dependencies=[require(Scope.ADMIN)],
)
def lift_hold(organization_id: UUID, body: HoldBody, services: Services = Depends(services_of)) -> None:
    """Ends the hold: what is due goes."""
    services.deletions.lift_hold(organization_id, body.reason)


def _id(caller: Caller) -> UUID:
    assert caller.user_id is not None  # the rule let a person in
    return caller.user_id


def _shown(deletion: Deletion) -> DeletionAnswer:
    return DeletionAnswer(
        state=deletion.state, asked_at=deletion.asked_at, due_at=deletion.due_at, obstacle=deletion.obstacle
    )


def _item(deletion: Deletion) -> DeletionItem:
    erased = {table: n for table, n in deletion.report.items() if table != "kept"}
    return DeletionItem(
        **_shown(deletion).model_dump(),
        subject_id=deletion.subject_id,
        kind=deletion.kind,
        erased=erased,
        kept=deletion.report.get("kept", {}),
        finished_at=deletion.finished_at,
    )

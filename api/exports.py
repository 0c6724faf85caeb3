"""Everything that is kept about a person or an organization, for whoever it is about (docs/data-rights.md)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field

from api.auth import PERSON, Caller, let_in, opened_by, require_role, services_of
from api.bodies import Moment, Token
from api.limits import Limit, admit
from api.users import profile_of
from domain.role import Role

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from application.exports import Export

router = APIRouter(tags=["data"])

_EXPORT = Limit("export", 10, timedelta(hours=1))
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The whole, as docs/data-rights.md describes it.", "content": {"application/json": {}}},
    202: {"description": "It is much: it is made in the background."},
}
Background = Annotated[bool, Query(description="Have it made in the background, however little it is.")]


class Progress(BaseModel):
    done: int
    of: int


class ExportAnswer(BaseModel):
    """One that is made in the background; ask again until it is `made`."""

    id: UUID
    state: str = Field(description="`waiting`, `made` or `failed`.")
    progress: Progress = Field(description="In sections.")
    asked_at: Moment
    made_at: Moment | None
    download_url: str | None = Field(
        description="For whoever has it, until `expires_at`; asking again gives a new one."
    )
    expires_at: Moment | None


@router.get("/me/export", responses=_ANSWERS, response_model=None)
def export_me(
    background: Background = False, caller: Caller = let_in(PERSON), services: Services = Depends(services_of)
) -> Response:
    """Everything that is kept about the person: 200 with the whole, or 202 while it is made."""
    profile_of(services, caller)
    assert caller.user_id is not None
    return _export(services, "person", caller.user_id, background)


@router.get("/me/exports/{own_export_id}")
def show_my_export(
    own_export_id: UUID, caller: Caller = let_in(PERSON), services: Services = Depends(services_of)
) -> ExportAnswer:
    """How far an export of the person is, and where it can be fetched."""
    profile_of(services, caller)
    assert caller.user_id is not None
    return _shown(services, services.exports.find(own_export_id, caller.user_id))


@router.get("/organizations/{organization_id}/export", responses=_ANSWERS, response_model=None)
def export_organization(
    organization_id: UUID,
    background: Background = False,
    caller: Caller = require_role(Role.OWNER),
    services: Services = Depends(services_of),
) -> Response:
    """Everything that is kept about the organization: 200 with the whole, or 202 while it is made. For an owner."""
    caller.must_see(organization_id, "organization", organization_id)
    return _export(services, "organization", organization_id, background)


@router.get("/organizations/{organization_id}/exports/{export_id}")
def show_export_of_organization(
    organization_id: UUID,
    export_id: UUID,
    caller: Caller = require_role(Role.OWNER),
    services: Services = Depends(services_of),
) -> ExportAnswer:
    """How far an export of the organization is, and where it can be fetched."""
    caller.must_see(organization_id, "organization", organization_id)
    return _shown(services, services.exports.find(export_id, organization_id))


@router.get(
    "/exports/download",
    responses={200: {"content": {"application/json": {}}}},
    response_model=None,
    dependencies=[opened_by("link of an export")],
)
def download_export(token: Annotated[Token, Query()], services: Services = Depends(services_of)) -> Response:
    """An export that was made, by the link that its status gives; the link ends after an hour."""
    export, pieces = services.exports.download(token)
    return _file(pieces, export.kind)


def _export(services: Services, kind: str, subject_id: UUID, background: bool) -> Response:
    admit(services, _EXPORT, str(subject_id))
    whose = services.exports.whose(kind, subject_id)
    if not background and services.exports.is_small(whose):
        return _file(services.exports.document(whose), kind)
    export = services.exports.ask(whose)
    services.task_queue.make_export(export.export_id)
    return JSONResponse(_shown(services, export).model_dump(mode="json"), status_code=202)


def _file(pieces: Any, kind: str) -> StreamingResponse:
    disposition = {"Content-Disposition": f'attachment; filename="usher-{kind}.json"', "Cache-Control": "no-store"}
    return StreamingResponse(pieces, media_type="application/json", headers=disposition)


def _shown(services: Services, export: Export) -> ExportAnswer:
    link = services.exports.link(export)
    return ExportAnswer(
        id=export.export_id,
        state=export.state,
        progress=Progress(done=export.section, of=export.sections),
        asked_at=export.asked_at,
        made_at=export.made_at,
        download_url=link.url if link else None,
        expires_at=link.expires_at if link else None,
    )

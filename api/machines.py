"""Machines of node-locked licences (contract §8): activate, deactivate, list, release."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, Field

from api.auth import Caller, opened_by, require, services_of
from api.bodies import Body, Line, Moment
from api.idempotency import RepeatableRoute
from api.license_keys import visible_license
from api.licenses import LicenseMachines
from api.limits import Limit, admit
from api.paging import Listing, Page, page_of
from api.parameters import known_parameters
from api.seats import Fingerprint, LicenseKeyText
from domain.api_key import Scope
from domain.license_key import parse

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from domain.license import License

router = APIRouter(tags=["licenses"], route_class=RepeatableRoute, dependencies=[Depends(known_parameters)])

_CHANGES = Limit("machines", 30, timedelta(minutes=1))

Digest = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{43}$", description="As the list of machines shows it.")]


class DeactivateBody(Body):
    license_key: LicenseKeyText
    fingerprint: Fingerprint


class ActivateBody(DeactivateBody):
    name: Line | None = Field(None, description="What people call the machine; erasable.")


class MachineAnswer(BaseModel):
    fingerprint_digest: str = Field(description="SHA-256 in base64url; nothing else is kept of a fingerprint.")
    activated_at: Moment
    name: str | None


class ActivatedAnswer(BaseModel):
    license_id: UUID
    fingerprint_digest: str
    activated_at: Moment
    machines: LicenseMachines


class DeactivatedAnswer(BaseModel):
    license_id: UUID
    machines: LicenseMachines | None = Field(description="null when the plan binds no machine any more.")


class MachineListing(Listing):
    data: list[MachineAnswer]


@router.post(
    "/licenses/activate",
    status_code=201,
    responses={200: {"model": ActivatedAnswer, "description": "Already bound"}},
    dependencies=[opened_by("licence key, in the body")],
)
def activate_machine(
    body: ActivateBody, response: Response, services: Services = Depends(services_of)
) -> ActivatedAnswer:
    """Binds a machine to a node-locked licence; one that is bound already gets 200.

    A licence can move: twice its machines (two more for the smallest) may be bound within 30 days, those that were
    let go of included, since each may hold a licence file.
    """
    admit(services, _CHANGES, parse(body.license_key).digest)
    license, digest, new = services.machines.activate(body.license_key, body.fingerprint, name=body.name)
    response.status_code = 201 if new else 200
    return ActivatedAnswer(
        license_id=license.id,
        fingerprint_digest=digest,
        activated_at=license.machines.bound[digest],
        machines=_places(license),
    )


@router.post("/licenses/deactivate", dependencies=[opened_by("licence key, in the body")])
def deactivate_machine(body: DeactivateBody, services: Services = Depends(services_of)) -> DeactivatedAnswer:
    """Lets go of a machine; one that is not bound changes nothing. Its place is free at once."""
    admit(services, _CHANGES, parse(body.license_key).digest)
    license = services.machines.deactivate(body.license_key, body.fingerprint)
    return DeactivatedAnswer(license_id=license.id, machines=_places(license))


@router.get("/licenses/{license_id}/machines")
def show_machines(
    license_id: UUID,
    caller: Caller = require(Scope.LICENSES_READ),
    page: Page = Depends(page_of),
    services: Services = Depends(services_of),
) -> MachineListing:
    """The machines that are bound, in the order of their activation."""
    license, names = visible_license(services, caller, license_id), services.machines.names(license_id)
    bound = sorted((at.isoformat(), digest) for digest, at in license.machines.bound.items())
    found = [each for each in bound if page.after is None or each > tuple(map(str, page.after))][: page.take]
    return MachineListing(
        **page.answer(
            found,
            cursor=lambda one: one,
            show=lambda one: MachineAnswer(fingerprint_digest=one[1], activated_at=one[0], name=names.get(one[1])),
        )
    )


@router.delete("/licenses/{license_id}/machines/{fingerprint_digest}", status_code=204)
def release_machine(
    license_id: UUID,
    fingerprint_digest: Digest,
    caller: Caller = require(Scope.LICENSES_WRITE),
    services: Services = Depends(services_of),
) -> None:
    """Lets go of a machine that cannot do it itself any more; again: no effect."""
    visible_license(services, caller, license_id)
    services.machines.release(license_id, fingerprint_digest)


def _places(license: License) -> LicenseMachines | None:
    limit = license.terms.entitlements.machines
    return None if limit is None else LicenseMachines(limit=limit, used=len(license.machines.bound))

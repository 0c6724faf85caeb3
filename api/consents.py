"""What a person agreed to, for itself and as an owner for its organization (docs/data-rights.md)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Path

from api.auth import PERSON, Caller, let_in, services_of
from api.bodies import Code
from api.limits import Limit, admit
from api.paging import Page, page_of
from api.policies import (
    AgreementBody,
    ConsentListing,
    PolicyAnswer,
    consent_listing,
    policy_answer,
    signer_of,
)
from api.users import profile_of
from application.policies import Agreement

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(prefix="/me", tags=["policies"])

_CHANGES = Limit("consents", 60, timedelta(hours=1))
"""Each is kept for ever."""


@router.get("/consents")
def list_consents(
    caller: Caller = let_in(PERSON), page: Page = Depends(page_of), services: Services = Depends(services_of)
) -> ConsentListing:
    """What the person agreed to, and what owners did for the organization that it acts for, newest first; also what was
    withdrawn, or is of older versions."""
    profile_of(services, caller)
    return consent_listing(services, page, person=caller.user_id, acting_for=caller.organization_id)


@router.post("/consents")
def give_consent(
    body: AgreementBody, caller: Caller = let_in(PERSON), services: Services = Depends(services_of)
) -> PolicyAnswer:
    """Agrees to a version of a policy; for one of the organization an owner does. Again: no effect. 404 for a policy
    that there is not, 422 for such a version, 409 `policy_version_superseded` when there is a newer one."""
    profile_of(services, caller)
    admit(services, _CHANGES, str(caller.user_id))
    return policy_answer(services.policies.give(signer_of(caller), Agreement(body.policy, body.version)))


@router.delete("/consents/{policy}", status_code=204)
def withdraw_consent(
    policy: Annotated[Code, Path()], caller: Caller = let_in(PERSON), services: Services = Depends(services_of)
) -> None:
    """Takes an optional one back, in every version. 409 `consent_required` for one that is not optional."""
    profile_of(services, caller)
    admit(services, _CHANGES, str(caller.user_id))
    services.policies.take_back(signer_of(caller), policy)

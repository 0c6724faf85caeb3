"""Where a person buys and pays: pages of the payment provider (contract §6)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from api.auth import Caller, require, services_of
from api.bodies import Body, Code, Line, Moment
from api.idempotency import RepeatableRoute
from api.limits import Limit, admit
from api.parameters import known_parameters
from domain.api_key import Scope
from domain.errors import InvalidRequest

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(tags=["buying"], route_class=RepeatableRoute, dependencies=[Depends(known_parameters)])

ASKS = Limit("provider-asks", 60, timedelta(minutes=1))
"""Of one organization: each is a request or several to the payment provider, which counts ours."""
_LOCAL = ("localhost", "127.0.0.1", "::1")


def _address(text: str) -> str:
    """A page of the vendor's, to which the payment provider sends a person back."""
    parts = urlsplit(text)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
    if not is_safe or not parts.hostname or "@" in parts.netloc:
        raise ValueError("must be an https address (http on this machine only) without a user")
    return text


Address = Annotated[
    str,
    StringConstraints(min_length=8, max_length=2_048, pattern=r"^[!-~]+$"),
    AfterValidator(_address),
    Field(json_schema_extra={"format": "uri"}),
]


class CheckoutBody(Body):
    price: Code = Field(description="The code of a price on sale; see `GET /plans`.")
    seats: int | None = Field(None, description="What one unit of the plan grants, unless said otherwise.")
    promotion_code: Line | None = Field(None, description="Without it, the buyer may type one in on the page.")
    success_url: Address = Field(description="`{CHECKOUT_SESSION_ID}` in it becomes the provider's id of the page.")
    cancel_url: Address
    organization_id: UUID | None = Field(None, description="Who buys; for the vendor to say.")


class CheckoutAnswer(BaseModel):
    checkout_url: str = Field(description="Where the buyer pays.")
    id: str = Field(description="The provider's id of the page, e.g. `cs_…`.")
    expires_at: Moment | None


class PortalBody(Body):
    return_url: Address | None = Field(None, description="Where the page leads back to.")
    subscription_id: UUID | None = Field(None, description="Whose payer is meant, where there are several.")
    organization_id: UUID | None = Field(None, description="Whose page it is; for the vendor to say.")


class PortalAnswer(BaseModel):
    url: str


@router.post("/checkout/session")
def open_checkout(
    body: CheckoutBody, caller: Caller = require(Scope.SUBSCRIPTIONS_WRITE), services: Services = Depends(services_of)
) -> CheckoutAnswer:
    """A page on which a subscription is bought. What is bought there comes by webhook, and the licence by mail."""
    organization_id = _buyer(caller, body.organization_id)
    admit(services, ASKS, str(organization_id))
    opened = services.buying.checkout(
        organization_id,
        price=body.price,
        seats=body.seats,
        promotion_code=body.promotion_code,
        success_url=body.success_url,
        cancel_url=body.cancel_url,
    )
    return CheckoutAnswer(checkout_url=opened.url or "", id=opened.reference, expires_at=opened.expires_at)


@router.post("/billing/portal")
def open_portal(
    body: PortalBody, caller: Caller = require(Scope.SUBSCRIPTIONS_WRITE), services: Services = Depends(services_of)
) -> PortalAnswer:
    """The page on which a customer sees to cards, invoices and subscriptions."""
    organization_id = _buyer(caller, body.organization_id)
    admit(services, ASKS, str(organization_id))
    return_url = body.return_url or services.settings.public_url
    opened = services.buying.portal(organization_id, return_url=return_url, subscription_id=body.subscription_id)
    return PortalAnswer(url=opened.url or "")


def _buyer(caller: Caller, named: UUID | None) -> UUID:
    """The caller's own organization; the vendor names one."""
    organization_id = caller.narrow(named)
    if organization_id is None:
        raise InvalidRequest.field("organization_id", "name the organization that this is for")
    return organization_id

"""Tokens for one product over HTTP (contract §10): generated for a customer, looked at by the solution, refreshed,
revoked. Introspection is RFC 7662, revocation RFC 7009; both take forms, as OAuth has it, and JSON."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NoBase64
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import parse_qs
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from api.access import of_member
from api.auth import Caller, address_of, holder_of, identify, program, require, services_of
from api.bodies import Body, Code, Token
from api.call_rates import count_as, count_call, count_stranger
from api.hot import HotRoute, answer_json, operation, read_body, validated
from api.idempotency import RepeatableRoute
from domain import durations
from domain.api_key import Scope
from domain.errors import InvalidRequest, NotAuthenticated
from domain.rate import GRANT_RATE, RateClass

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from application.solution_tokens import TokenPair

router = APIRouter(tags=["tokens"], route_class=RepeatableRoute)
_READS = of_member(Scope.TOKENS_READ, rate=RateClass.INTAKE)
_FORM = "application/x-www-form-urlencoded"
_LONGEST_FORM_FIELDS = 20
TokenScope = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[\x21\x23-\x5B\x5D-\x7E]+$")]
M = TypeVar("M", bound=BaseModel)


class GenerateBody(Body):
    product: Code
    license_id: UUID | None = Field(None, description="Else the oldest licence of the product that works.")
    organization_id: UUID | None = Field(None, description="For the vendor: whose tokens they are.")
    scope: list[TokenScope] = Field([], max_length=20, description="What the solution makes of it (RFC 6749 §3.3).")
    lifetime: str = Field("PT15M", max_length=20, description="Of access tokens: PT1M to PT1H.")


class PresentedBody(Body):
    token: str = Field(min_length=1, max_length=32_768)
    token_type_hint: str | None = Field(None, max_length=64, description="Not needed: a token says what it is.")


class IntrospectBody(PresentedBody):
    product: Code | None = Field(None, description="Only a token for this product is active.")


class RefreshTokenBody(Body):
    refresh_token: Token
    grant_type: str | None = Field(None, max_length=64)


class TokenPairAnswer(BaseModel):
    """`id` is the grant's, see DELETE /tokens/{grant_id}."""

    id: UUID
    access_token: str
    refresh_token: str
    token_type: str = "Bearer"
    expires_in: int
    scope: str


class IntrospectAnswer(BaseModel):
    """RFC 7662 §2.2; nothing but `active` when the token is not good for whoever asks."""

    active: bool
    token_type: str | None = None
    scope: str | None = None
    iss: str | None = None
    sub: UUID | None = Field(None, description="The organization.")
    aud: str | None = Field(None, description="The product.")
    jti: UUID | None = None
    iat: int | None = None
    exp: int | None = None
    license_id: UUID | None = None
    plan: str | None = None
    plan_version: int | None = None
    features: dict[str, bool | int] | None = None


class RevokedAnswer(BaseModel):
    """Nothing: whether there was such a token is not told."""


@router.post("/tokens", status_code=201)
def generate_tokens(
    body: GenerateBody, caller: Caller = require(Scope.TOKENS_WRITE), services: Services = Depends(services_of)
) -> TokenPairAnswer:
    """An access token for one product, and a refresh token that is good once."""
    organization_id = caller.narrow(body.organization_id)
    if organization_id is None:
        raise InvalidRequest.field("organization_id", "say whose tokens they are")
    try:
        lifetime = durations.parse(body.lifetime)
    except ValueError:
        raise InvalidRequest.field("lifetime", "must be an ISO 8601 duration from PT1M to PT1H") from None
    scopes = tuple(dict.fromkeys(body.scope))
    pair = services.solution_tokens.generate(
        organization_id, body.product, license_id=body.license_id, scopes=scopes, lifetime=lifetime
    )
    return TokenPairAnswer(**_shown(pair))


@router.delete("/tokens/{grant_id}", status_code=204)
def revoke_grant(
    grant_id: UUID, caller: Caller = require(Scope.TOKENS_WRITE), services: Services = Depends(services_of)
) -> None:
    """Ends all tokens of a grant, for whoever has its id and not the tokens."""
    grant = services.solution_tokens.find(grant_id)
    caller.must_see(grant.organization_id, "token grant", grant_id)
    services.solution_tokens.end(grant_id)


async def introspect(request: Request) -> Response:
    """Whether an access token is good now, for whoever asks."""
    caller = await _introspector(request)
    body = await _read(request, IntrospectBody)
    bound = caller.key.product if caller.key else None
    claims = None
    if bound is None or body.product in (None, bound):
        claims = await _services(request).introspection.look(
            body.token, organization_id=caller.organization_id, product=bound or body.product
        )
    request.scope["quiet"] = True
    return _uncached({"active": False} if claims is None else _stated(claims))


async def refresh_tokens(request: Request) -> Response:
    """The next pair for a refresh token, which is used up. One that comes a second time ends its grant."""
    body = await _read(request, RefreshTokenBody)
    if body.grant_type not in (None, "refresh_token"):
        raise InvalidRequest.field("grant_type", "is refresh_token, or left out")
    await _count(request, body.refresh_token)
    return _uncached(_shown(await run_in_threadpool(_services(request).solution_tokens.refresh, body.refresh_token)))


async def revoke_token(request: Request) -> Response:
    """Ends the grant of an access or refresh token; 200 whatever it was (RFC 7009 §2.2)."""
    body = await _read(request, PresentedBody)
    await _count(request, body.token)
    await run_in_threadpool(_services(request).solution_tokens.revoke, body.token)
    return answer_json({})


async def _count(request: Request, token: str) -> None:
    """Before anything is done: a grant's own calls, and an address's when the token is none of ours."""
    grant_id = _services(request).solution_tokens.grant_of(token)
    if grant_id is None:
        await count_stranger(request)
    else:
        await count_as(request, f"grant:{grant_id}", GRANT_RATE)


async def _introspector(request: Request) -> Caller:
    """With an API key as bearer token, or as the password of basic authentication (RFC 6749 §2.3.1) of any user."""
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            _, _, secret = b64decode(credential, validate=True).decode("ascii").partition(":")
        except (NoBase64, ValueError):
            raise NotAuthenticated() from None
        caller = request.scope["caller"] = await program(_services(request), secret, address_of(request))
        request.scope["attribution"].actor = caller.actor
    caller = await identify(request)
    await count_call(request, caller, _READS.rate)
    _READS.check(caller)
    return caller


async def _read(request: Request, model: type[M]) -> M:
    """A form's fields that the model does not have are ignored, as OAuth wants it; one that comes twice is refused."""
    if not request.headers.get("content-type", "").lower().startswith(_FORM):
        return await read_body(request, model)
    try:
        form = parse_qs((await request.body()).decode("ascii"), max_num_fields=_LONGEST_FORM_FIELDS)
    except ValueError:
        raise InvalidRequest.field("body", "is not a form") from None
    told = {name: values for name, values in form.items() if name in model.model_fields}
    for name, values in told.items():
        if len(values) > 1:
            raise InvalidRequest.field(name, "came more than once")
    return validated(model, {name: values[0] for name, values in told.items()})


def _shown(pair: TokenPair) -> dict[str, Any]:
    facts = pair._asdict()
    return {"id": facts.pop("grant_id"), "token_type": "Bearer", **facts}


def _stated(claims: dict[str, Any]) -> dict[str, Any]:
    said = {name: value for name, value in claims.items() if name not in ("gid", "lic")}
    return {"active": True, "token_type": "Bearer", **said, "license_id": claims["lic"]}


def _uncached(content: dict[str, Any]) -> Response:
    return answer_json(content, headers={"Cache-Control": "no-store"})


def _services(request: Request) -> Services:
    services: Services = request.scope["app"].state.services
    return services


def routes(base: str) -> list[HotRoute]:
    return [
        HotRoute(
            "POST",
            f"{base}/tokens/validate",
            introspect,
            rule=_READS,
            operation=operation(
                "Is this token good?",
                {200: ("What it says, or that it is not active", IntrospectAnswer)},
                body=IntrospectBody,
                security="credential",
                refusals=(401, 403, 422, 429, 503),
                tag="tokens",
            ),
            models=[IntrospectBody, IntrospectAnswer],
        ),
        HotRoute(
            "POST",
            f"{base}/tokens/refresh",
            refresh_tokens,
            rule=holder_of("refresh token of a solution"),
            operation=operation(
                "The next pair of tokens",
                {200: ("The given token is used up", TokenPairAnswer)},
                body=RefreshTokenBody,
                refusals=(401, 403, 422, 429, 503),
                tag="tokens",
            ),
            models=[RefreshTokenBody, TokenPairAnswer],
        ),
        HotRoute(
            "POST",
            f"{base}/tokens/revoke",
            revoke_token,
            rule=holder_of("the token itself"),
            operation=operation(
                "End a token and those that came with it",
                {200: ("Whatever it was", RevokedAnswer)},
                body=PresentedBody,
                refusals=(422, 429, 503),
                tag="tokens",
            ),
            models=[PresentedBody, RevokedAnswer],
        ),
    ]

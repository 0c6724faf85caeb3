"""Validation of licence keys over HTTP (contract §8): public, and asked by every start of every program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.auth import holder_of
from api.bodies import Body, text
from api.call_rates import count_as, count_stranger
from api.hot import HotRoute, answer_json, operation, read_body
from api.seats import Fingerprint, LicenseKeyText
from application.validation import Code
from domain.rate import LICENSE_RATE

if TYPE_CHECKING:
    from adapters.bootstrap import Services


class ValidateBody(Body):
    license_key: LicenseKeyText
    fingerprint: Fingerprint | None = None
    product: text(100) | None = None  # type: ignore[valid-type]


class ValidateAnswer(BaseModel):
    """`license` is there unless the key opens none."""

    valid: bool
    code: Code
    license: dict[str, Any] | None = None


async def validate(request: Request) -> Response:
    """Whether a key is good now, and why not."""
    body = await read_body(request, ValidateBody)
    services: Services = request.scope["app"].state.services
    code, license = await services.validation.validate(
        body.license_key, fingerprint=body.fingerprint, product=body.product
    )
    answer: dict[str, Any] = {"valid": code.valid, "code": code}
    if license is None:
        await count_stranger(request)
    else:
        await count_as(request, f"license:{license['id']}:validate", LICENSE_RATE)
        answer["license"] = license
    request.scope["quiet"] = True
    return answer_json(answer)


def routes(base: str) -> list[HotRoute]:
    return [
        HotRoute(
            "POST",
            f"{base}/licenses/validate",
            validate,
            rule=holder_of("licence key, in the body"),
            operation=operation(
                "Is this key good?",
                {200: ("What the key opens, or why it opens nothing", ValidateAnswer)},
                body=ValidateBody,
                refusals=(422, 429, 503),
                tag="licenses",
            ),
            models=[ValidateBody, ValidateAnswer],
        )
    ]

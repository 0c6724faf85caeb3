"""The public halves of the keys that sign leases and licence files (docs/licence-files.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from api.auth import ANYBODY_ALWAYS, services_of

if TYPE_CHECKING:
    from adapters.bootstrap import Services

at_root = APIRouter(tags=["keys"], dependencies=[ANYBODY_ALWAYS])


class KeySetAnswer(BaseModel):
    keys: list[dict[str, Any]] = Field(description="JWKs (RFC 7517): those that sign, will sign, or are still valid.")


@at_root.get("/.well-known/usher-keys.json")
def show_keys(response: Response, services: Services = Depends(services_of)) -> KeySetAnswer:
    """The JWK set. Meet an unknown `kid`: fetch it again, past any cache."""
    response.headers["Cache-Control"] = "public, max-age=300"
    response.headers["Access-Control-Allow-Origin"] = "*"
    return KeySetAnswer(**services.signing.jwks(services.clock.now()))

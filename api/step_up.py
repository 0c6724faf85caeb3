"""What takes an account away from its owner asks for a proof of who it is that is not old."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from api.auth import Caller
from domain.sign_in_errors import StepUpRequired

if TYPE_CHECKING:
    from adapters.bootstrap import Services

PROVEN_WITHIN = timedelta(minutes=10)


def recently_proven(caller: Caller, services: Services) -> None:
    """`StepUpRequired` for a person whose last proof is older than ten minutes: a token that was left lying about, or
    stolen, is not enough."""
    if caller.user_id is None:
        return
    if caller.proven_at is None or caller.proven_at + PROVEN_WITHIN < services.clock.now():
        raise StepUpRequired()

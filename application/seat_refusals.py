"""What a pool's no is called in the words of the business."""

from __future__ import annotations

from domain.errors import (
    LicenseExpired,
    LicenseKeyInvalid,
    LicenseRevoked,
    LicenseSuspended,
    RateLimited,
    SessionClosed,
    UsherError,
)
from domain.rate import Allowance
from domain.seat import CloseReason
from domain.seat_pool import Outcome, Proposal, Renewal


def refusal(proposal: Proposal, allowance: Allowance | None) -> UsherError:
    """Why nobody was seated."""
    error: UsherError
    match proposal.outcome:
        case Outcome.LIMITED:
            error = RateLimited(retry_after=allowance.retry_after if allowance else None)
        case Outcome.SUSPENDED:
            error = LicenseSuspended()
        case Outcome.EXPIRED:
            error = LicenseExpired()
        case Outcome.REVOKED:
            error = LicenseRevoked()
        case _:
            error = LicenseKeyInvalid()
    error.allowance = allowance
    return error


def ended(renewal: Renewal, allowance: Allowance | None) -> UsherError:
    """Why a lease was not renewed."""
    error: UsherError
    if renewal.outcome is Outcome.LIMITED:
        error = RateLimited(retry_after=allowance.retry_after if allowance else None)
    else:
        error = SessionClosed(renewal.reason or CloseReason(renewal.outcome.value))
    error.allowance = allowance
    return error

"""Every way the business can say no.

An error knows its sentence and its machine code; which HTTP status it becomes is known in `api/errors.py` alone.

    UsherError
    ├── InvalidRequest              the input is wrong: details.fields says where
    │   └── CatalogInvalid          a catalogue file is wrong: line and path in details.problems
    ├── NotFound                    there is no such thing for this caller
    ├── Conflict                    the thing is not in a state that allows this
    │   ├── AlreadyRecorded         the stream exists: somebody did this before
    │   ├── EmailTaken
    │   ├── IdempotencyMismatch
    │   ├── RequestInProgress       the first request with this Idempotency-Key is still at work
    │   ├── MachinesExhausted       as many machines are bound as the plan allows; details.limit and details.used
    │   ├── ActivationsExhausted    too many machines were bound lately; retry_after says when the next may be
    │   └── ConcurrentChange        somebody else changed it first, several times
    ├── NotAuthenticated            no credential, or one that does not hold
    │   ├── LicenseKeyInvalid
    │   └── LeaseInvalid
    ├── NotAllowed                  a good credential without the right
    │   ├── EmailNotVerified
    │   ├── LicenseSuspended
    │   ├── LicenseExpired
    │   └── LicenseRevoked
    ├── SignatureInvalid            a webhook or a link that does not prove its origin
    ├── SessionClosed               the seat session has ended; details.reason says why
    ├── SeatsExhausted              every seat is taken; details.limit and details.used
    ├── RateLimited                 too many calls; retry_after says when
    ├── TooLarge                    the request body is over the limit
    └── Unavailable                 a part we need is away; nothing was done
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from domain.rate import Allowance


class UsherError(Exception):
    """Base of all expected refusals.

    `code` is stable and part of the contract, `message` is one sentence a person can act on, `details` is
    JSON-ready, `retry_after` is in whole seconds, `allowance` is what is left of the caller's rate, if one was counted.
    """

    allowance: Allowance | None = None
    code: ClassVar[str] = "error"
    sentence: ClassVar[str] = "The request could not be done."

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Mapping[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.message = message or self.sentence
        self.details = dict(details or {})
        self.retry_after = retry_after
        super().__init__(self.message)


class InvalidRequest(UsherError):
    code = "invalid_request"
    sentence = "Some fields of the request are not valid."

    @classmethod
    def field(cls, name: str, problem: str) -> InvalidRequest:
        """One wrong field: `details.fields` is `[{"field": name, "message": problem}]`."""
        return cls(f"{name}: {problem}", details={"fields": [{"field": name, "message": problem}]})


class CatalogInvalid(InvalidRequest):
    sentence = "The catalogue has errors; nothing was applied."


class NotFound(UsherError):
    code = "not_found"
    sentence = "There is no such object."

    @classmethod
    def of(cls, noun: str, identifier: object) -> NotFound:
        return cls(f"There is no {noun} {identifier}.")


class Conflict(UsherError):
    code = "conflict"
    sentence = "The object is not in a state that allows this."


class AlreadyRecorded(Conflict):
    code = "already_recorded"
    sentence = "This was done before."


class EmailTaken(Conflict):
    code = "email_taken"
    sentence = "There is already an account with this e-mail address; log in or reset the password."


class IdempotencyMismatch(Conflict):
    code = "idempotency_mismatch"
    sentence = "This Idempotency-Key was used before with another request."


class RequestInProgress(Conflict):
    code = "request_in_progress"
    sentence = "The first request with this Idempotency-Key is still at work; ask again in a moment."


class ConcurrentChange(Conflict):
    code = "concurrent_change"
    sentence = "The object is being changed by others; try again."


class MachinesExhausted(Conflict):
    code = "machines_exhausted"
    sentence = "This licence is bound to as many machines as its plan allows; deactivate one first."

    def __init__(self, *, limit: int, used: int) -> None:
        super().__init__(
            f"This licence is bound to {used} of {limit} machines; deactivate one first.",
            details={"limit": limit, "used": used},
        )


class ActivationsExhausted(Conflict):
    code = "activations_exhausted"
    sentence = "This licence was moved to other machines too often in the last 30 days."


class NotAuthenticated(UsherError):
    code = "not_authenticated"
    sentence = "Send a valid credential in the Authorization header."


class LicenseKeyInvalid(NotAuthenticated):
    code = "license_key_invalid"
    sentence = "This licence key is not known; check it for typing errors."


class LeaseInvalid(NotAuthenticated):
    code = "lease_invalid"
    sentence = "The lease is missing, expired or not ours; acquire a seat again."


class NotAllowed(UsherError):
    code = "not_allowed"
    sentence = "This credential does not allow that."


class EmailNotVerified(NotAllowed):
    code = "email_not_verified"
    sentence = "Confirm the e-mail address first; the link is in the mail we sent."


class LicenseSuspended(NotAllowed):
    code = "license_suspended"
    sentence = "This licence is suspended; its owner can see the reason and lift it."


class LicenseExpired(NotAllowed):
    code = "license_expired"
    sentence = "This licence has expired; renew it to go on."


class LicenseRevoked(NotAllowed):
    code = "license_revoked"
    sentence = "This licence has been revoked."


class SignatureInvalid(UsherError):
    code = "signature_invalid"
    sentence = "The signature is missing, stale or not ours."


class SessionClosed(UsherError):
    code = "session_closed"

    def __init__(self, reason: str) -> None:
        super().__init__(f"This seat session has ended ({reason}); acquire a seat again.", details={"reason": reason})


class SeatsExhausted(UsherError):
    code = "seats_exhausted"

    def __init__(self, *, limit: int, used: int, retry_after: int = 30) -> None:
        super().__init__(
            f"All {limit} seats of this licence are in use; wait for one or add seats.",
            details={"limit": limit, "used": used},
            retry_after=retry_after,
        )


class RateLimited(UsherError):
    code = "rate_limited"
    sentence = "Too many requests; slow down."


class TooLarge(UsherError):
    code = "too_large"
    sentence = "The request body is larger than 1 MiB."


class Unavailable(UsherError):
    code = "unavailable"
    sentence = "A part of the service is away for a moment; nothing was done, try again."

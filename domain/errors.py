"""Every way the business can say no.

An error knows its sentence and its machine code; which HTTP status it becomes is known in `api/errors.py` alone.

    UsherError
    ├── InvalidRequest              the input is wrong: details.fields says where
    │   └── CatalogInvalid          a catalogue file is wrong: line and path in details.problems
    ├── NotFound                    there is no such thing for this caller
    ├── Conflict                    the thing is not in a state that allows this
    │   ├── AlreadyRecorded         the stream exists: somebody did this before
    │   ├── EmailTaken
    │   ├── AlreadyMember, LastOwner, TooManyMembers, SubscriptionsRunning   of an organization: see member_errors.py
    │   ├── IdempotencyMismatch
    │   ├── UsageMismatch           a usage record of this id says something else: see usage_errors.py
    │   ├── RequestInProgress       the first request with this Idempotency-Key is still at work
    │   ├── MachinesExhausted       as many machines are bound as the plan allows; details.limit and details.used
    │   ├── QueueNotOffered         the plan has no queue
    │   ├── BorrowNotOffered        the plan lends no seats
    │   ├── SeatBorrowed            the seat is away until a time; details.borrowed_until
    │   ├── ActivationsExhausted    too many machines were bound lately; retry_after says when the next may be
    │   └── ConcurrentChange        somebody else changed it first, several times
    ├── NotAuthenticated            no credential, or one that does not hold
    │   ├── SecondFactorRequired, SecondFactorInvalid, ProviderRefused   see sign_in_errors.py
    │   ├── LicenseKeyInvalid
    │   ├── LeaseInvalid
    │   └── TicketInvalid
    ├── NotAllowed                  a good credential without the right
    │   ├── EmailNotVerified
    │   ├── SecondFactorDemanded    the organization wants one of its members: see sign_in_errors.py
    │   ├── StepUpRequired          the last proof of who it is is too old: see sign_in_errors.py
    │   ├── AddressNotAllowed       an API key from another address than it may be used from: see key_errors.py
    │   ├── SeatNotAllowed          the licence's lists leave this user or machine out
    │   ├── LicenseSuspended
    │   ├── LicenseExpired
    │   └── LicenseRevoked
    ├── QuotaExceeded               the plan's limit is reached; details says which: see usage_errors.py
    ├── AuthorizationPending, SlowDown, AccessDenied, ExpiredToken   of the device flow: see sign_in_errors.py
    ├── SignatureInvalid            a webhook or a link that does not prove its origin
    ├── SessionClosed               the seat session has ended; details.reason says why
    ├── TicketClosed                the place in the queue is gone; details.reason says why
    ├── SeatsExhausted              every seat is taken; details.limit and details.used, and details.axis when it is not
    │                               the licence's own limit
    │   └── BorrowExhausted         as many seats are away as the plan lends
    ├── QueueFull                   as many wait as the plan allows
    ├── RateLimited                 too many calls; retry_after says when
    ├── TooLarge                    the request body is over the limit
    └── Unavailable                 a part we need is away; nothing was done
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from datetime import datetime

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


class QueueNotOffered(Conflict):
    code = "queue_not_offered"
    sentence = "The plan of this licence has no queue; ask for a seat again later."


class BorrowNotOffered(Conflict):
    code = "borrow_not_offered"
    sentence = "The plan of this licence lends no seats; stay connected to keep the seat."


class SeatBorrowed(Conflict):
    code = "seat_borrowed"

    def __init__(self, until: datetime) -> None:
        moment = f"{until.replace(tzinfo=None).isoformat(timespec='seconds')}Z"
        super().__init__(f"This seat is borrowed until {moment}.", details={"borrowed_until": moment})


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


class TicketInvalid(NotAuthenticated):
    code = "ticket_invalid"
    sentence = "The ticket is missing or not ours; take a place in the queue again."


class NotAllowed(UsherError):
    code = "not_allowed"
    sentence = "This credential does not allow that."


class EmailNotVerified(NotAllowed):
    code = "email_not_verified"
    sentence = "Confirm the e-mail address first; the link is in the mail we sent."


class SeatNotAllowed(NotAllowed):
    code = "seat_not_allowed"
    sentence = "This licence does not admit this user or machine; ask whoever manages it."


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
        self.reason = reason
        super().__init__(f"This seat session has ended ({reason}); acquire a seat again.", details={"reason": reason})


class TicketClosed(UsherError):
    code = "ticket_closed"

    def __init__(self, reason: str) -> None:
        super().__init__(f"This place in the queue is gone ({reason}); take another.", details={"reason": reason})


class SeatsExhausted(UsherError):
    """`axis` says whose limit it is: license (not told), user, group, borrowed, reserved (for others) or queue (others
    wait)."""

    code = "seats_exhausted"

    def __init__(
        self, *, limit: int, used: int, axis: str = "license", queue: bool = False, retry_after: int = 30
    ) -> None:
        super().__init__(
            _EXHAUSTED[axis].format(limit=limit),
            details={"limit": limit, "used": used}
            | ({"axis": axis} if axis != "license" else {})
            | ({"queue": True} if queue else {}),
            retry_after=retry_after,
        )


_EXHAUSTED = {
    "license": "All {limit} seats of this licence are in use; wait for one or add seats.",
    "user": "This user holds {limit} seats, as many as one may; release one first.",
    "group": "This group holds {limit} seats, as many as it may; wait for one.",
    "reserved": "The free seats of this licence are reserved for others; wait for another.",
    "queue": "Others wait for a seat of this licence; take a place in the queue.",
    "borrowed": "{limit} seats of this licence are lent, as many as may be; one counts until its time is over.",
}


class BorrowExhausted(SeatsExhausted):
    code = "borrow_exhausted"


class QueueFull(UsherError):
    code = "queue_full"

    def __init__(self, *, length: int) -> None:
        super().__init__(
            f"{length} wait for a seat of this licence, as many as may; try again later.",
            details={"length": length},
            retry_after=60,
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

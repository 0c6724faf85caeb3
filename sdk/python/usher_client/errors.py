"""Every way in which Usher, or this client, can say no.

UsherError                       base; also every refusal that this version does not know (look at `code`)
├── Unavailable                  Usher cannot be reached, or a part of it is away; `retry_after`
├── RateLimited                  too many calls; `retry_after`
├── InvalidRequest               what was sent does not fit; `details["fields"]`
├── LicenseKeyInvalid            nobody knows this key
├── LicenseRefused               the key is good, the licence is not
│   ├── LicenseSuspended         may come back: its owner can lift it
│   ├── LicenseExpired           may come back: it can be renewed
│   ├── LicenseRevoked
│   └── SeatNotAllowed           this user or machine is not among those who may sit
├── SeatsExhausted               every seat is taken; `limit`, `used`, `axis`, `has_queue`
│   ├── WaitedInVain             ... and none came free in the time you gave
│   └── BorrowExhausted          as many seats as the plan lends are away
├── Conflict                     what there is does not go together with what was asked
│   ├── QueueNotOffered
│   ├── BorrowNotOffered
│   └── SeatBorrowed             the seat is away until a time; `details["borrowed_until"]`
├── QueueFull                    as many wait as the plan allows
├── TicketInvalid
├── TicketClosed                 the place in the queue is gone; `reason`: lapsed, collected, left
├── SessionClosed                the session ended on the server; `reason`
├── LeaseInvalid                 a lease that Usher does not take
│   └── LeaseUntrusted           a lease that this client does not take: `reason` says why
│       └── LeaseOver            ... because its time and its grace are over
├── SeatLost                     this program had a seat and may not work on
│   ├── SeatEvicted              an operator ended the session
│   ├── SeatResized              the licence got fewer seats, this one was above the new number
│   ├── OfflineTooLong           Usher could not be reached until the lease's grace was over
│   ├── BorrowEnded              the days are over, or the seat was given back
│   └── SeatReleased             it was given back by this program itself
├── NothingBorrowed              there is no borrowed seat on this machine
├── NotLoggedIn                  nobody is logged in on this machine, or not any more
├── CredentialsUnkept            there is nowhere to keep a login
├── LicenseFileInvalid           a licence file that does not hold; `reason`
└── FingerprintUnavailable       this machine has no id of its own and nowhere to keep one
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class UsherError(Exception):
    """`code` is stable, `message` is a sentence a person can act on, `retry_after` is in seconds, `request_id` helps
    support to find the call. No error carries a key, a lease or a ticket."""

    code: str = "error"
    sentence: ClassVar[str] = "Usher could not do this."

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> None:
        self.message = message or self.sentence
        self.details = dict(details or {})
        self.retry_after = retry_after
        self.request_id = request_id
        super().__init__(self.message)

    @property
    def reason(self) -> str | None:
        """`details["reason"]`, where there is one."""
        reason = self.details.get("reason")
        return reason if isinstance(reason, str) else None


class Unavailable(UsherError):
    code = "unavailable"
    sentence = "Usher cannot be reached at the moment."


class RateLimited(UsherError):
    code = "rate_limited"


class InvalidRequest(UsherError):
    code = "invalid_request"


class LicenseKeyInvalid(UsherError):
    code = "license_key_invalid"
    sentence = "This licence key is not known; check it for typing errors."


class LicenseRefused(UsherError):
    code = "license_refused"


class LicenseSuspended(LicenseRefused):
    code = "license_suspended"
    sentence = "This licence is suspended; its owner can see the reason and lift it."


class LicenseExpired(LicenseRefused):
    code = "license_expired"
    sentence = "This licence has expired; renew it to go on."


class LicenseRevoked(LicenseRefused):
    code = "license_revoked"
    sentence = "This licence has been revoked."


class SeatNotAllowed(LicenseRefused):
    code = "seat_not_allowed"


class SeatsExhausted(UsherError):
    code = "seats_exhausted"
    sentence = "Every seat of this licence is taken."

    @property
    def limit(self) -> int | None:
        return _integer(self.details.get("limit"))

    @property
    def used(self) -> int | None:
        return _integer(self.details.get("used"))

    @property
    def axis(self) -> str | None:
        """Which limit was met: license, user, group, reserved or queue."""
        axis = self.details.get("axis")
        return axis if isinstance(axis, str) else None

    @property
    def has_queue(self) -> bool:
        return self.details.get("queue") is True


class WaitedInVain(SeatsExhausted):
    sentence = "No seat came free in the time that was given."


class BorrowExhausted(SeatsExhausted):
    code = "borrow_exhausted"
    sentence = "As many seats as the plan lends are away."


class Conflict(UsherError):
    code = "conflict"


class QueueNotOffered(Conflict):
    code = "queue_not_offered"


class BorrowNotOffered(Conflict):
    code = "borrow_not_offered"


class SeatBorrowed(Conflict):
    code = "seat_borrowed"


class QueueFull(UsherError):
    code = "queue_full"


class TicketInvalid(UsherError):
    code = "ticket_invalid"


class TicketClosed(UsherError):
    code = "ticket_closed"


class SessionClosed(UsherError):
    code = "session_closed"


class LeaseInvalid(UsherError):
    code = "lease_invalid"


class LeaseUntrusted(LeaseInvalid):
    code = "lease_untrusted"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The lease does not hold: {reason}.", details={"reason": reason})


class LeaseOver(LeaseUntrusted):
    code = "lease_over"


class SeatLost(UsherError):
    code = "seat_lost"
    sentence = "This program has no seat any more."


class SeatEvicted(SeatLost):
    code = "seat_evicted"
    sentence = "An operator ended this session."


class SeatResized(SeatLost):
    code = "seat_resized"
    sentence = "The licence has fewer seats now, and this one was above the new number."


class OfflineTooLong(SeatLost):
    code = "offline_too_long"
    sentence = "Usher could not be reached for so long that the seat is lost; it is taken again as soon as it can be."


class BorrowEnded(SeatLost):
    code = "borrow_ended"
    sentence = "The borrowed seat's time is over, or it was given back."


class SeatReleased(SeatLost):
    code = "seat_released"
    sentence = "This program gave its seat back."


class NothingBorrowed(UsherError):
    code = "nothing_borrowed"
    sentence = "There is no borrowed seat on this machine."


class NotLoggedIn(UsherError):
    code = "not_logged_in"
    sentence = "Nobody is logged in here; run `usher-client login`."


class CredentialsUnkept(UsherError):
    code = "credentials_unkept"


class LicenseFileInvalid(UsherError):
    code = "license_file_invalid"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The licence file does not hold: {reason}.", details={"reason": reason})


class FingerprintUnavailable(UsherError):
    code = "fingerprint_unavailable"
    sentence = (
        "This machine has no id of its own and no directory to keep one; give a fingerprint, or set USHER_FINGERPRINT."
    )


def _integer(value: object) -> int | None:
    return value if type(value) is int else None

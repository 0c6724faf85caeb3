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
│   └── WaitedInVain             ... and none came free in the time you gave
├── QueueNotOffered
├── QueueFull
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
├── BorrowNotOffered
├── BorrowExhausted              as many seats as may be are borrowed already
├── NothingBorrowed              there is no borrowed seat on this machine
├── LicenseFileInvalid           a licence file that does not hold; `reason`
└── FingerprintUnavailable       this machine has no id of its own and nowhere to keep one
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

_LONGEST_WAIT = 3600.0
"""Seconds that a `Retry-After` can ask for; more is a mistake of somebody in between."""


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


class QueueNotOffered(UsherError):
    code = "queue_not_offered"


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


class BorrowNotOffered(UsherError):
    code = "borrow_not_offered"


class BorrowExhausted(UsherError):
    code = "borrow_exhausted"


class NothingBorrowed(UsherError):
    code = "nothing_borrowed"
    sentence = "There is no borrowed seat on this machine."


class LicenseFileInvalid(UsherError):
    code = "license_file_invalid"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The licence file does not hold: {reason}.", details={"reason": reason})


class FingerprintUnavailable(UsherError):
    code = "fingerprint_unavailable"
    sentence = (
        "This machine has no id of its own and no directory to keep one; give a fingerprint, or set USHER_FINGERPRINT."
    )


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> UsherError:
    """The typed error of an answer that is no success.

    Whatever does not have Usher's one shape of an error was not said by Usher (a captive portal, a proxy, a crash):
    it is `Unavailable`, as is every 5xx.
    """
    wait = _retry_after(headers.get("retry-after"))
    said = _error_in(body)
    if said is None:
        return Unavailable(f"Something that is not Usher answered with {status}.", retry_after=wait)
    code, details = str(said.get("code")), said.get("details")
    kind = Unavailable if status >= 500 else _BY_CODE.get(code, UsherError)
    error = kind.__new__(kind)
    UsherError.__init__(
        error,
        str(said.get("message") or "") or None,
        details=details if isinstance(details, dict) else None,
        retry_after=wait if wait is not None else _retry_after(said.get("retry_after")),
        request_id=str(said.get("request_id") or "") or None,
    )
    error.code = code
    return error


def _error_in(body: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return said if isinstance(said, dict) and "code" in said else None


def _retry_after(value: object) -> float | None:
    """Seconds; also from the date that HTTP allows (RFC 9110 §10.2.3)."""
    if value is None or isinstance(value, bool):
        return None
    try:
        seconds = float(value) if isinstance(value, (int, float, str)) else None
    except ValueError:
        seconds = _until(str(value))
    return None if seconds is None or seconds != seconds else min(max(seconds, 0.0), _LONGEST_WAIT)


def _until(date: str) -> float | None:
    import email.utils
    import time

    try:
        return email.utils.parsedate_to_datetime(date).timestamp() - time.time()
    except (TypeError, ValueError):
        return None


def _integer(value: object) -> int | None:
    return value if type(value) is int else None


def _below(kind: type[UsherError]) -> Iterator[type[UsherError]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _below(sub)


_LOCAL = (WaitedInVain, LeaseUntrusted, SeatLost, NothingBorrowed, LicenseFileInvalid, FingerprintUnavailable)
_BY_CODE = {kind.code: kind for kind in _below(UsherError) if not issubclass(kind, _LOCAL)}

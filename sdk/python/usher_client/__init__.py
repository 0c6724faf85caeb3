"""Floating licences by Usher: take a seat, keep it through sleep, faults and outages, give it back.

with LicenseClient("https://license.example.com", key, product="coditect").acquire() as seat:
    seat.check()

`AsyncLicenseClient` is the same for asyncio; it is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from usher_client.borrowing import Borrowed
from usher_client.calls import Validation
from usher_client.client import BorrowedSeat, LicenseClient, Seat
from usher_client.errors import (
    BorrowEnded,
    BorrowExhausted,
    BorrowNotOffered,
    Conflict,
    CredentialsUnkept,
    FingerprintUnavailable,
    InvalidRequest,
    LeaseInvalid,
    LeaseOver,
    LeaseUntrusted,
    LicenseExpired,
    LicenseFileInvalid,
    LicenseKeyInvalid,
    LicenseRefused,
    LicenseRevoked,
    LicenseSuspended,
    NothingBorrowed,
    NotLoggedIn,
    OfflineTooLong,
    QueueFull,
    QueueNotOffered,
    RateLimited,
    SeatBorrowed,
    SeatEvicted,
    SeatLost,
    SeatNotAllowed,
    SeatReleased,
    SeatResized,
    SeatsExhausted,
    SessionClosed,
    TicketClosed,
    TicketInvalid,
    Unavailable,
    UsherError,
    WaitedInVain,
)
from usher_client.fingerprint import machine_fingerprint
from usher_client.keys import KeySet
from usher_client.lease import Lease, read_lease
from usher_client.license_file import read_license_file
from usher_client.status import State, Status
from usher_client.wire import VERSION as __version__

if TYPE_CHECKING:
    from usher_client.account import Account
    from usher_client.aio import AsyncBorrowedSeat, AsyncLicenseClient, AsyncSeat

_ASYNC = ("AsyncLicenseClient", "AsyncSeat", "AsyncBorrowedSeat")


def __getattr__(name: str) -> Any:
    """asyncio takes 20 ms and 3 MB, and few programs have a person log in: neither is loaded unasked."""
    if name == "Account":
        from usher_client.account import Account

        return Account
    if name in _ASYNC:
        from usher_client import aio

        return getattr(aio, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Account",
    "AsyncBorrowedSeat",
    "AsyncLicenseClient",
    "AsyncSeat",
    "BorrowEnded",
    "BorrowExhausted",
    "BorrowNotOffered",
    "Borrowed",
    "BorrowedSeat",
    "Conflict",
    "CredentialsUnkept",
    "FingerprintUnavailable",
    "InvalidRequest",
    "KeySet",
    "Lease",
    "LeaseInvalid",
    "LeaseOver",
    "LeaseUntrusted",
    "LicenseClient",
    "LicenseExpired",
    "LicenseFileInvalid",
    "LicenseKeyInvalid",
    "LicenseRefused",
    "LicenseRevoked",
    "LicenseSuspended",
    "NotLoggedIn",
    "NothingBorrowed",
    "OfflineTooLong",
    "QueueFull",
    "QueueNotOffered",
    "RateLimited",
    "Seat",
    "SeatBorrowed",
    "SeatEvicted",
    "SeatLost",
    "SeatNotAllowed",
    "SeatReleased",
    "SeatResized",
    "SeatsExhausted",
    "SessionClosed",
    "State",
    "Status",
    "TicketClosed",
    "TicketInvalid",
    "Unavailable",
    "UsherError",
    "Validation",
    "WaitedInVain",
    "__version__",
    "machine_fingerprint",
    "read_lease",
    "read_license_file",
]

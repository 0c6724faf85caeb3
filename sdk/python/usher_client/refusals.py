"""How an answer that is no success reads: as the one typed error it stands for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from usher_client.errors import (
    CredentialsUnkept,
    FingerprintUnavailable,
    LeaseUntrusted,
    LicenseFileInvalid,
    NothingBorrowed,
    NotLoggedIn,
    SeatLost,
    Unavailable,
    UsherError,
    WaitedInVain,
)

_LONGEST_WAIT = 3600.0
"""Seconds that a `Retry-After` can ask for; more is a mistake of somebody in between."""
_PASSING = frozenset({"concurrent_change"})
"""Codes that are no refusal: somebody else was faster, ask again."""


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
    kind = Unavailable if status >= 500 or code in _PASSING else _BY_CODE.get(code, UsherError)
    error = kind(
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


def all_below(kind: type[UsherError]) -> Iterator[type[UsherError]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from all_below(sub)


_LOCAL = (
    WaitedInVain,
    LeaseUntrusted,
    SeatLost,
    NothingBorrowed,
    LicenseFileInvalid,
    FingerprintUnavailable,
    NotLoggedIn,
    CredentialsUnkept,
)
"""Said by this client only."""
_BY_CODE = {kind.code: kind for kind in all_below(UsherError) if not issubclass(kind, _LOCAL)}

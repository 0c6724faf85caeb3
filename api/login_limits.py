"""How often somebody may try to log in: strangers are slowed, devices from where the person signed in before are not.

Each attempt counts, whether the address is somebody's or not, in Redis and while that is away in PostgreSQL.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import Request

from api.auth import address_of
from api.limits import Limit, admit
from domain.errors import RateLimited, Unavailable
from domain.sign_in import LinkCause, network_of
from domain.user import User

if TYPE_CHECKING:
    from adapters.bootstrap import Services

_HERE = Limit("login", 10, timedelta(minutes=1))
"""For one account from one address, from a familiar device too."""
_ADDRESS = Limit("login-address", 60, timedelta(minutes=1))
"""From one address, whatever the accounts."""
_NETWORK = Limit("login-network", 600, timedelta(hours=1))
"""From a whole network: lists of stolen passwords are tried out slowly, from many addresses next to each other."""
_ACCOUNT = Limit("login-account", 30, timedelta(hours=1))
"""For one account from all strange devices together."""
_CODES = Limit("second-factor", 5, timedelta(minutes=1))
_CODES_HOUR = Limit("second-factor-hour", 30, timedelta(hours=1))
"""Codes for one account, apart for familiar devices and strange ones: of a million codes three are good at a time."""
_LINKS = Limit("login-slowed", 1, timedelta(days=1))


def admit_login(services: Services, request: Request, email: str, device_token: str | None) -> bool:
    """Counts an attempt; `RateLimited` when it is one too many. Answers whether the device is familiar.

    When strangers have used up an account's attempts, its owner is mailed a link that signs in, once a day.
    """
    address, account = address_of(request), email.lower()
    admit(services, _HERE, f"{address} {account}")
    admit(services, _ADDRESS, address)
    if services.guessing.is_familiar(email, device_token):
        return True
    admit(services, _NETWORK, network_of(address) or address)
    try:
        admit(services, _ACCOUNT, account)
    except RateLimited as refusal:
        _mail_link(services, email)
        raise _slowed(refusal) from None
    return False


def check_second_factor(services: Services, user: User, code: str | None, *, is_familiar: bool) -> None:
    """After a first factor held. `SecondFactorRequired`, `SecondFactorInvalid`, `RateLimited`."""
    if user.has_second_factor and code is not None:
        admit_code(services, user.id, is_familiar=is_familiar)
    services.second_factors.check(user, code)


def admit_code(services: Services, user_id: UUID, *, is_familiar: bool) -> None:
    """Counts a code; `RateLimited` when it is one too many."""
    who = f"{user_id} {'familiar' if is_familiar else 'strange'}"
    admit(services, _CODES, who)
    admit(services, _CODES_HOUR, who)


def _mail_link(services: Services, email: str) -> None:
    """Beside the answer, which takes as long for an address that is nobody's."""
    with suppress(RateLimited):
        admit(services, _LINKS, email.lower())
        threading.Thread(target=_send_link, args=(services, email), name="login-slowed", daemon=True).start()


def _send_link(services: Services, email: str) -> None:
    with suppress(Unavailable):
        link, _ = services.sign_in_links.new()
        services.sign_in_links.send(email, link, LinkCause.GUESSES)


def _slowed(refusal: RateLimited) -> RateLimited:
    slowed = RateLimited(
        "Too many attempts to log in to this account. If it is yours, use a device where you were logged in before, or"
        " the link in the mail that we sent to its address.",
        retry_after=refusal.retry_after,
    )
    slowed.allowance = refusal.allowance
    return slowed

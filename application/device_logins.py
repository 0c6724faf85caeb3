"""Signing a program in by a browser: the device authorization grant (RFC 8628)."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from application.attribution import attribution
from domain import device_code
from domain.device_code import DeviceRequest
from domain.errors import NotFound, Unavailable
from domain.sign_in import Device, LoginSession, Way
from domain.sign_in_errors import AccessDenied, AuthorizationPending, ExpiredToken, SecondFactorDemanded, SlowDown
from domain.user import User

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.device_requests import DeviceRequests
    from adapters.tokens import Tokens
    from application.logins import Credentials, Logins
    from application.store import Store

ANSWER_WITHIN = timedelta(minutes=15)
INTERVAL = 5
_TRIES = 5


class Codes(NamedTuple):
    """What the program is given; `interval` is in seconds."""

    device_code: str
    user_code: str
    expires_in: int
    interval: int


class DeviceLogins:
    """A program asks, a person decides in a browser, the program gets its tokens once."""

    def __init__(self, store: Store, logins: Logins, requests: DeviceRequests, tokens: Tokens, clock: Clock) -> None:
        self._store = store
        self._logins = logins
        self._requests = requests
        self._tokens = tokens
        self._clock = clock

    def ask(self, client: str, device: Device) -> Codes:
        """`client` is what the program calls itself; the person is shown it as that."""
        request, codes = self._request(client, device), _codes()
        for _ in range(_TRIES):
            if self._requests.add(
                request,
                device_code_digest=self._digest("device-code", codes.device_code),
                user_code_digest=self._digest("user-code", codes.user_code),
            ):
                return codes
            codes = _codes()
        raise Unavailable(retry_after=5)

    def pending(self, user_code: str) -> DeviceRequest:
        """What a typed code leads to; `NotFound` when it is nobody's, decided, or over."""
        letters = device_code.typed(user_code)
        digest = self._digest("user-code", device_code.shown(letters)) if letters else None
        found = self._requests.pending(digest, self._clock.now()) if digest else None
        if found is None:
            raise NotFound("No program waits with this code; look at it again, or begin again there.")
        return found

    def approve(self, user_code: str, by: LoginSession, organization_id: UUID | None) -> DeviceRequest:
        """The program may act for the person of the session in this organization. Raises as `pending`, and `NotFound`
        when the person is no member there."""
        user = self._store.fetch(User, by.user_id)
        user.require_verified()
        request, organization_id = self.pending(user_code), self._logins.organization_of(user, organization_id)
        if not self._requests.approve(request.request_id, by, organization_id, self._clock.now()):
            raise NotFound("This was decided a moment ago.")
        return request

    def deny(self, user_code: str) -> DeviceRequest:
        """Raises as `pending`."""
        request = self.pending(user_code)
        self._requests.deny(request.request_id, self._clock.now())
        return request

    def collect(self, code: str, device: Device) -> Credentials:
        """The tokens, once they are approved. Raises `AuthorizationPending`, `SlowDown`, `AccessDenied`,
        `ExpiredToken`."""
        now = self._clock.now()
        polled = self._requests.poll(self._digest("device-code", code), now)
        if polled is None or polled[0].expires_at <= now:
            raise ExpiredToken()
        request, too_early = polled
        if too_early:
            raise SlowDown(request.interval_seconds)
        if request.state == "pending":
            raise AuthorizationPending()
        if not self._requests.take(request.request_id):
            raise ExpiredToken()
        if request.user_id is None:
            raise AccessDenied()
        return self._tokens_for(request, request.user_id, device)

    def _tokens_for(self, request: DeviceRequest, user_id: UUID, device: Device) -> Credentials:
        """The approval dies with the password under which it was given, and with the membership. What the person proved
        in the browser, the program has not proven anew."""
        user = self._store.fetch(User, user_id)
        attribution().actor = f"user:{user_id}"
        if user.erased or user.credential_version != request.credential_version:
            raise AccessDenied()
        named = Device(request.client, device.network)
        try:
            return self._logins.start(
                user, request.organization_id, way=Way.DEVICE_CODE, device=named, proven_at=request.proven_at
            )
        except (NotFound, SecondFactorDemanded):
            raise AccessDenied() from None

    def _request(self, client: str, device: Device) -> DeviceRequest:
        now = self._clock.now()
        return DeviceRequest(
            request_id=self._clock.new_id(),
            client=client,
            device=device.family,
            network=device.network,
            asked_at=now,
            expires_at=now + ANSWER_WITHIN,
            state="pending",
            interval_seconds=INTERVAL,
            user_id=None,
            organization_id=None,
            credential_version=None,
            proven_at=None,
        )

    def _digest(self, kind: str, code: str) -> bytes:
        """Keyed: eight letters could be tried out on a plain one."""
        return self._tokens.mac(kind, code.encode())


def _codes() -> Codes:
    return Codes(
        device_code.device_code(secrets.token_bytes(device_code.DEVICE_CODE_BYTES)),
        device_code.user_code(secrets.token_bytes(device_code.USER_CODE_BYTES)),
        int(ANSWER_WITHIN.total_seconds()),
        INTERVAL,
    )

"""Stripe's own library with our version, our patience, and our words for what goes wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import orjson
import structlog

from adapters.clock import Clock
from adapters.stripe_fields import Payload
from domain.buying_errors import (
    BuyingNotSetUp,
    OutcomeUnknown,
    PaymentActionRequired,
    PaymentDeclined,
    ProviderRefused,
    ProviderUnavailable,
)
from domain.errors import UsherError
from domain.provider_facts import Seen

if TYPE_CHECKING:
    from stripe import StripeClient, StripeError

log = structlog.get_logger()
T = TypeVar("T")

API_VERSION = "2026-10-28.endive"
LOOKED_UP = 5
"""The rank of what Stripe said when it was asked: after all events of that second but those that end a life."""
_AT_ONCE = 8
"""Requests under way from one process: when Stripe hangs, the threads of everybody else must not wait with it."""
_TURN = 2.0
"""Seconds that a request waits for its turn."""
_BUSY = 30
"""Seconds after which somebody may ask again, where Stripe says nothing about it."""


class Patience(NamedTuple):
    """Seconds. `pauses` lie before a request is sent again, under the same key. Nothing is sent again after `total`:
    what a request to us waits for must end before its caller, and whoever sees to lost requests, gives it up."""

    connect: float = 3.0
    answer: float = 15.0
    total: float = 25.0
    pauses: tuple[float, ...] = (0.3, 1.0, 2.0)


class Stripe:
    """One account, spoken to with one key. `api_base` is another server in Stripe's place."""

    def __init__(
        self, secret_key: str, clock: Clock, *, api_base: str | None = None, patience: Patience = Patience()
    ) -> None:
        self._secret_key = secret_key
        self._clock = clock
        self._api_base = api_base
        self._patience = patience
        self._turns = threading.BoundedSemaphore(_AT_ONCE)

    @cached_property
    def v1(self) -> Any:
        """The services of the API. A read is sent again by the library, a write only by `write`."""
        return self._client(max_network_retries=2).v1

    @cached_property
    def writing(self) -> Any:
        """The same for writes: each is sent once, `write` decides about more."""
        return self._client(max_network_retries=0).v1

    def _client(self, **options: Any) -> StripeClient:
        import stripe  # 30 MB: only where it is needed

        stripe.enable_telemetry = False
        addresses: Any = {"api": self._api_base} if self._api_base else {}
        http = stripe.RequestsClient(timeout=(self._patience.connect, self._patience.answer))
        return stripe.StripeClient(
            self._secret_key, base_addresses=addresses, stripe_version=API_VERSION, http_client=http, **options
        )

    def read(self, ask: Callable[[], T]) -> T:
        """Asks for something. `LookupError` when it is not there; `ProviderUnavailable` when Stripe cannot be asked,
        with the time after which it may be."""
        import stripe

        try:
            with self._turn():
                return ask()
        except stripe.InvalidRequestError as error:
            raise LookupError(error.code or "invalid_request") from error
        except stripe.StripeError as error:
            raise _in_our_words(error, in_doubt=False) from error

    def write(self, act: Callable[[], T]) -> T:
        """Has something done that carries an idempotency key, and sends it again where that can help.

        Raises how Stripe refused it (`PaymentDeclined`, `PaymentActionRequired`, `ProviderRefused`);
        `ProviderUnavailable` and `BuyingNotSetUp` when nothing was done; `OutcomeUnknown` when nobody can say.
        """
        import stripe

        began, in_doubt = time.monotonic(), False
        for pause in (*self._patience.pauses, None):
            try:
                with self._turn(in_doubt):
                    return act()
            except stripe.StripeError as error:
                in_doubt |= _may_have_been_done(error)
                is_late = time.monotonic() - began > self._patience.total
                if pause is None or is_late or not _may_come_right(error):
                    raise _in_our_words(error, in_doubt=in_doubt) from error
            time.sleep(pause)
        raise AssertionError("the last try answers or raises")

    def seen(self, answer: Any) -> Seen:
        """How new an answer is: what Stripe says now is newer than every event that was sent before, and than what it
        said a moment ago, perhaps in the same second."""
        return Seen(self.time_of(answer), LOOKED_UP, f"look-up/{time.time_ns():020d}")

    @contextmanager
    def _turn(self, in_doubt: bool = False) -> Iterator[None]:
        if not self._turns.acquire(timeout=_TURN):
            raise OutcomeUnknown(retry_after=_BUSY) if in_doubt else ProviderUnavailable(retry_after=_BUSY)
        try:
            yield
        finally:
            self._turns.release()

    def time_of(self, answer: Any) -> datetime:
        """Stripe's own time of an answer, to whole seconds: our clock may be ahead, and what we read would outweigh
        events that come about later. A server in Stripe's place follows our clock."""
        date = None if self._api_base else headers_of(answer).get("date")
        return parsedate_to_datetime(date).astimezone(UTC) if date else self._clock.now().replace(microsecond=0)


def headers_of(answer: Any) -> Mapping[str, str]:
    """In lower case."""
    response = answer.last_response
    return {name.lower(): value for name, value in response.headers.items()} if response else {}


def is_replayed(answer: Any) -> bool:
    """Whether Stripe has only repeated what it answered first: how things stood then, not now."""
    return headers_of(answer).get("idempotent-replayed") == "true"


def plain(thing: Any) -> Payload:
    """An object of the library as JSON has it."""
    payload: Payload = orjson.loads(orjson.dumps(thing.to_dict(), default=str))
    return payload


def _may_have_been_done(error: StripeError) -> bool:
    """Whether a request that ended so can have taken effect at Stripe."""
    import stripe

    if isinstance(error, stripe.APIConnectionError):
        return not _was_never_sent(error.__cause__)
    if error.http_status == 409:
        return _said(error).get("code") != "lock_timeout"
    return isinstance(error, stripe.IdempotencyError) or ((error.http_status or 0) >= 500 and error.http_status != 503)


def _was_never_sent(cause: BaseException | None) -> bool:
    """No connection came about."""
    import requests
    from urllib3.exceptions import NewConnectionError

    if isinstance(cause, requests.exceptions.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    inner = cause.args[0] if isinstance(cause, requests.exceptions.ConnectionError) and cause.args else None
    return isinstance(getattr(inner, "reason", None), NewConnectionError)


def _may_come_right(error: StripeError) -> bool:
    """Whether the same request may end otherwise in a moment."""
    import stripe

    if isinstance(error, stripe.APIConnectionError):
        return bool(error.should_retry)
    if advice := _advice(error):
        return advice == "true"
    return error.http_status == 409 or (error.http_status or 0) >= 500


def _in_our_words(error: StripeError, *, in_doubt: bool) -> UsherError:
    """The library's messages may name people and are not ours to repeat: codes are logged and told."""
    import stripe

    log.warning(
        "stripe.refused" if isinstance(error, stripe.InvalidRequestError) else "stripe.failed",
        kind=type(error).__name__,
        status=error.http_status,
        code=_said(error).get("code"),
        param=getattr(error, "param", None),
        request=error.request_id,
    )
    match error:
        case stripe.CardError():
            return _unpaid(error)
        case stripe.InvalidRequestError():
            return ProviderRefused(error.code)
        case _ if in_doubt:
            unknown = OutcomeUnknown(retry_after=_BUSY)
            unknown.is_final = _advice(error) == "false"
            return unknown
        case stripe.AuthenticationError() | stripe.PermissionError():
            return BuyingNotSetUp("The payment provider does not accept the vendor's key; nothing was done.")
    return ProviderUnavailable(retry_after=_retry_after(error))


def _unpaid(error: StripeError) -> UsherError:
    if error.code in ("authentication_required", "subscription_payment_intent_requires_action"):
        return PaymentActionRequired()
    return PaymentDeclined(_said(error).get("decline_code") or error.code)


def _said(error: StripeError) -> Payload:
    """Stripe's own words: the library keeps the code of some kinds of errors only."""
    body = error.json_body if isinstance(error.json_body, dict) else {}
    said = body.get("error")
    return said if isinstance(said, dict) else {}


def _advice(error: StripeError) -> str | None:
    """Whether Stripe thinks that it may be asked again."""
    return _headers(error).get("stripe-should-retry")


def _headers(error: StripeError) -> dict[str, str]:
    return {name.lower(): value for name, value in (error.headers or {}).items()}


def _retry_after(error: StripeError) -> int:
    said = _headers(error).get("retry-after", "")
    return int(said) if said.isdecimal() else _BUSY

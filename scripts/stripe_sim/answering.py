"""One HTTP request to the API and its answer: who asks, in which version, under which idempotency key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scripts.stripe_sim.api import Api
from scripts.stripe_sim.errors import Conflict, Failed, KeyReused, Refused, Unauthorized, Unjudged
from scripts.stripe_sim.ledger import Asked, Json
from scripts.stripe_sim.objects import API_VERSION

KEYS_KEPT = 86_400
"""Seconds of the account's time that an answer is kept under its key (https://docs.stripe.com/api/idempotent_requests)."""


class Request(NamedTuple):
    method: str
    path: str
    parameters: Mapping[str, Any]
    credential: str = ""
    version: str | None = None
    idempotency_key: str | None = None


@dataclass
class Answer:
    status: int
    body: Json
    headers: dict[str, str] = field(default_factory=dict)


class _Kept(NamedTuple):
    asked: tuple[str, str, str]
    request_id: str
    status: int
    body: Json
    at: int


class AnsweringRequests:
    """Idempotency as Stripe has it: an answer is kept under the key of its POST once the request has begun, errors
    included, and replayed; the same key with another request is refused."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._kept: dict[str, _Kept] = {}
        self._busy: set[str] = set()

    def answer(self, request: Request, *, failing: Refused | None = None) -> Answer:
        """`failing` is an error that is answered in place of doing what is asked."""
        asked = Asked(self._api.ledger.new_id("req"), request.idempotency_key)
        headers = {"Request-Id": asked.id, "Stripe-Version": API_VERSION}
        if request.idempotency_key:
            headers["Idempotency-Key"] = request.idempotency_key
        try:
            _authorize(request.credential)
            _refuse_other_version(request.version)
            if replayed := self._replayed(request, headers):
                return replayed
            if failing is not None:
                raise failing
            body = self._api.perform(
                request.method, request.path, request.parameters, asked, current=request.version is not None
            )
        except Refused as refused:
            return self._refusal(refused, request, asked, headers)
        self._keep(request, asked.id, 200, body)
        return Answer(200, body, headers)

    def begin(self, key: str | None) -> None:
        """The answer to a request with this key is on its way. Raises Conflict when another one is."""
        if key in self._busy:
            raise Conflict(
                f"There is currently another in-progress request using this Stripe-Idempotent-Key: {key}.",
                code="idempotency_key_in_use",
            )
        if key is not None:
            self._busy.add(key)

    def end(self, key: str | None) -> None:
        self._busy.discard(key or "")

    def _refusal(self, refused: Refused, request: Request, asked: Asked, headers: dict[str, str]) -> Answer:
        error = {**refused.error, "request_log_url": f"{self._api.url}/#{asked.id}"}
        if isinstance(refused, Failed):
            headers["Stripe-Should-Retry"] = "false" if refused.kept else "true"
        if refused.kept:
            self._keep(request, asked.id, refused.status, {"error": error})
        return Answer(refused.status, {"error": error}, headers)

    def _keep(self, request: Request, request_id: str, status: int, body: Json) -> None:
        if request.idempotency_key and request.method == "POST":
            kept = _Kept(_asked(request), request_id, status, body, self._api.ledger.at)
            self._forget_old()
            self._kept.pop(request.idempotency_key, None)
            self._kept[request.idempotency_key] = kept

    def _forget_old(self) -> None:
        """Keys are in the order in which they were kept."""
        while self._kept:
            key, kept = next(iter(self._kept.items()))
            if not self._is_old(kept):
                return
            del self._kept[key]

    def _is_old(self, kept: _Kept) -> bool:
        return self._api.ledger.at - kept.at > KEYS_KEPT

    def _replayed(self, request: Request, headers: dict[str, str]) -> Answer | None:
        key = request.idempotency_key if request.method == "POST" else None
        kept = self._kept.get(key or "")
        if kept is None or self._is_old(kept):
            return None
        if kept.asked != _asked(request):
            raise KeyReused(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. Try"
                f" using a key other than '{key}' if you meant to execute a different request."
            )
        headers |= {"Idempotent-Replayed": "true", "Original-Request": kept.request_id}
        return Answer(kept.status, kept.body, headers)


def _asked(request: Request) -> tuple[str, str, str]:
    return request.method, request.path, json.dumps(request.parameters, sort_keys=True, default=str)


def _authorize(credential: str) -> None:
    """Any test key will do: there is one account here."""
    if not credential:
        raise Unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer"
            " auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    if not credential.startswith(("sk_test_", "rk_test_")):
        raise Unauthorized("Invalid API Key provided. You need a test mode secret key (sk_test_…).")


def _refuse_other_version(version: str | None) -> None:
    if version not in (None, API_VERSION):
        raise Unjudged(f"Invalid Stripe API version: {version}. The stand-in for Stripe speaks {API_VERSION} only.")

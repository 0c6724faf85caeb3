"""The stand-in's own controls, under `/_sim`: faults, time, the vendor's settings, deliveries, what a bank decides."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scripts.stripe_sim.cards import DECLINED, FINE, Behaviour
from scripts.stripe_sim.errors import Refused
from scripts.stripe_sim.faults import KINDS, Faults

if TYPE_CHECKING:
    from scripts.stripe_sim.account import Account
    from scripts.stripe_sim.delivering import Delivering

Act = Callable[[Request], Awaitable[Any]]
_LONGEST_WAIT = 60.0
_AFTER_RETRIES = ("past_due", "unpaid", "canceled", "paused")


class Control:
    """JSON in, JSON out; what makes no sense is answered 400 with a sentence."""

    def __init__(
        self,
        account: Account,
        faults: Faults,
        delivering: Delivering,
        *,
        catch_up: Callable[[], None],
        moves_clock: bool,
    ) -> None:
        self._account = account
        self._faults = faults
        self._delivering = delivering
        self._catch_up = catch_up
        self._moves_clock = moves_clock

    @property
    def routes(self) -> list[Route]:
        acts: list[tuple[str, str, Act]] = [
            ("GET", "/_sim/faults", self._show_faults),
            ("POST", "/_sim/faults", self._add_fault),
            ("DELETE", "/_sim/faults", self._clear_faults),
            ("DELETE", "/_sim/faults/{number:int}", self._remove_fault),
            ("GET", "/_sim/clock", self._show_clock),
            ("POST", "/_sim/clock", self._move_clock),
            ("GET", "/_sim/settings", self._show_settings),
            ("POST", "/_sim/settings", self._set_settings),
            ("GET", "/_sim/deliveries", self._show_deliveries),
            ("POST", "/_sim/deliveries/retry", self._retry_deliveries),
            ("POST", "/_sim/deliveries/{number:int}/resend", self._resend_delivery),
            ("POST", "/_sim/settled", self._settled),
            ("POST", "/_sim/cards/{id}", self._set_card),
            ("POST", "/_sim/charges/{id}/dispute", self._dispute),
            ("POST", "/_sim/disputes/{id}/decide", self._decide),
        ]
        return [Route(path, _answering(act), methods=[method]) for method, path, act in acts]

    async def _show_faults(self, request: Request) -> Any:
        return {"faults": self._faults.shown(), "kinds": KINDS}

    async def _add_fault(self, request: Request) -> Any:
        given = await _json(request)
        return self._faults.add(given.pop("kind", ""), **given).__dict__

    async def _clear_faults(self, request: Request) -> Any:
        self._faults.clear()
        return {"faults": []}

    async def _remove_fault(self, request: Request) -> Any:
        if not self._faults.remove(request.path_params["number"]):
            raise LookupError("There is no such fault.")
        return {"faults": self._faults.shown()}

    async def _show_clock(self, request: Request) -> Any:
        self._catch_up()
        return {"now": f"{self._account.now:%Y-%m-%dT%H:%M:%SZ}", "follows": not self._moves_clock}

    async def _move_clock(self, request: Request) -> Any:
        """`{"advance": seconds}` or `{"to": "2027-01-01T00:00:00Z"}`; everything that falls due happens."""
        if not self._moves_clock:
            raise ValueError("The stand-in follows the engine's clock: move that one, with POST /sandbox/clock.")
        given = await _json(request)
        if given.keys() not in ({"to"}, {"advance"}):
            raise ValueError("Give either `advance` (seconds) or `to`.")
        if "to" in given:
            self._account.advance_to(datetime.fromisoformat(given["to"]).astimezone(UTC))
        else:
            self._account.advance(timedelta(seconds=float(given["advance"])))
        return await self._show_clock(request)

    async def _show_settings(self, request: Request) -> Any:
        settings = self._account.api.settings
        return {
            "retries": [int(pause.total_seconds()) for pause in settings.retries],
            "after_retries": settings.after_retries,
            "upcoming_notice": settings.upcoming_notice,
        }

    async def _set_settings(self, request: Request) -> Any:
        """Retries in seconds, each after the failure before it."""
        given, settings = await _json(request), self._account.api.settings
        if unknown := given.keys() - {"retries", "after_retries", "upcoming_notice"}:
            raise ValueError(f"There is no setting {sorted(unknown)[0]!r}.")
        if given.get("after_retries", "past_due") not in _AFTER_RETRIES:
            raise ValueError(f"`after_retries` is one of {', '.join(_AFTER_RETRIES)}.")
        if "retries" in given:
            settings.retries = tuple(timedelta(seconds=int(pause)) for pause in given["retries"])
        settings.after_retries = given.get("after_retries", settings.after_retries)
        settings.upcoming_notice = int(given.get("upcoming_notice", settings.upcoming_notice))
        return await self._show_settings(request)

    async def _show_deliveries(self, request: Request) -> Any:
        return {
            "deliveries": [
                {
                    "number": each.number,
                    "event": each.event["id"],
                    "type": each.event["type"],
                    "endpoint": each.endpoint,
                    "done": each.done,
                    "given_up": each.given_up,
                    "attempts": [attempt.status for attempt in each.attempts],
                    "milliseconds": [round(attempt.took * 1000, 1) for attempt in each.attempts],
                }
                for each in self._account.api.outbox.recent
            ]
        }

    async def _retry_deliveries(self, request: Request) -> Any:
        self._account.api.outbox.retry()
        self._delivering.wake()
        return {"open": len(self._account.api.outbox.open)}

    async def _resend_delivery(self, request: Request) -> Any:
        if not self._account.api.outbox.resend(request.path_params["number"]):
            raise LookupError("There is no such delivery any more.")
        self._delivering.wake()
        return {"open": len(self._account.api.outbox.open)}

    async def _settled(self, request: Request) -> Any:
        """`{"within": seconds}`: waits until every delivery has been taken; `settled`: whether it was so in time."""
        self._catch_up()
        within = min(float((await _json(request)).get("within", 10.0)), _LONGEST_WAIT)
        settled = await self._delivering.settled(within)
        return {"settled": settled, "open": len(self._account.api.outbox.open)}

    async def _set_card(self, request: Request) -> Any:
        """`{"works": false}`: the bank declines it from now on; `"decline_code"` says with which word."""
        given = await _json(request)
        declines = DECLINED
        if code := given.get("decline_code"):
            declines = Behaviour(decline=("card_declined", str(code)), declines_when="charged")
        with self._account.lock:
            method = self._account.api.payment_methods.resolve(request.path_params["id"])
            self._account.api.payment_methods.behave(method, FINE if given.get("works") else declines)
        return {"id": method["id"], "works": bool(given.get("works"))}

    async def _dispute(self, request: Request) -> Any:
        """`{"reason": "fraudulent", "inquiry": false}`: the cardholder's bank disputes a charge."""
        given, api = await _json(request), self._account.api
        with self._account.lock:
            charge = api.charges.get(request.path_params["id"])
            return api.disputes.open(charge, given.get("reason", "fraudulent"), inquiry=bool(given.get("inquiry")))

    async def _decide(self, request: Request) -> Any:
        """`{"won": true}`: the bank decides a dispute."""
        given, disputes = await _json(request), self._account.api.disputes
        with self._account.lock:
            dispute = disputes.get(request.path_params["id"])
            disputes.decide(dispute, won=bool(given.get("won")))
        return dispute


def _answering(act: Act) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return JSONResponse(await act(request))
        except (LookupError, Refused) as missing:
            return JSONResponse({"error": str(missing).strip("'")}, 404)
        except (ValueError, TypeError) as wrong:
            return JSONResponse({"error": str(wrong)}, 400)

    return answer


async def _json(request: Request) -> dict[str, Any]:
    body = await request.body()
    given = json.loads(body) if body else {}
    if not isinstance(given, dict):
        raise ValueError("A JSON object is expected.")
    return given

"""The first page: what is in the account, what goes wrong on purpose, what was delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scripts.stripe_sim.faults import KINDS, Faults
from scripts.stripe_sim.objects import API_VERSION
from scripts.stripe_sim.pages.rendering import form, page, to, told

if TYPE_CHECKING:
    from scripts.stripe_sim.account import Account

SHOWN = 25


class Overview:
    def __init__(self, account: Account, faults: Faults) -> None:
        self._account = account
        self._faults = faults

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/", told(self._show), methods=["GET"]),
            Route("/faults", told(self._add_fault), methods=["POST"]),
            Route("/faults/remove", told(self._remove_fault), methods=["POST"]),
            Route("/deliveries/resend", told(self._resend), methods=["POST"]),
        ]

    async def _show(self, request: Request) -> Response:
        with self._account.lock:
            return self._page()

    async def _add_fault(self, request: Request) -> Response:
        given = await form(request)
        times = {"times": int(given["times"])} if given.get("times") else {}
        try:
            self._faults.add(given.get("kind", ""), share=float(given.get("share") or 1), **times)
        except ValueError as wrong:
            with self._account.lock:
                return self._page(str(wrong), 400)
        return to("/")

    async def _remove_fault(self, request: Request) -> Response:
        self._faults.remove(int((await form(request)).get("number", 0)))
        return to("/")

    async def _resend(self, request: Request) -> Response:
        self._account.api.outbox.resend(int((await form(request)).get("number", 0)))
        return to("/")

    def _page(self, wrong: str | None = None, status: int = 200) -> Response:
        account, api = self._account, self._account.api
        customers = account.all("customer")[::-1]
        return page(
            "overview",
            status,
            title="Stripe stand-in",
            version=API_VERSION,
            now=account.at,
            faults=self._faults.shown(),
            kinds=KINDS,
            customers=[each for each in customers if not each.get("deleted")],
            customers_by_id={each["id"]: {"email": None, **each} for each in customers},
            subscriptions=account.all("subscription")[::-1],
            names={each["id"]: api.lines.name_of(each) for each in account.all("price") if not each.get("deleted")},
            invoices=[each for each in account.all("invoice")[::-1] if not each.get("deleted")],
            endpoints=[each for each in account.all("webhook_endpoint") if not each.get("deleted")],
            events=account.events[::-1],
            deliveries=api.outbox.recent,
            shown=SHOWN,
            wrong=wrong,
        )

"""What Stripe's API answers to a GET: objects, lists with cursors, expanded fields, and errors in Stripe's shape."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from itertools import count
from typing import Any

from scripts.stripe_sim.account import StripeAccount
from scripts.stripe_sim.ledger import Json, NotThere
from scripts.stripe_sim.objects import page
from scripts.stripe_sim.oracle import check

Query = Sequence[tuple[str, str]]

KINDS = {
    "charges": "charge",
    "checkout/sessions": "checkout.session",
    "customers": "customer",
    "disputes": "dispute",
    "events": "event",
    "invoice_payments": "invoice_payment",
    "invoices": "invoice",
    "payment_intents": "payment_intent",
    "payment_methods": "payment_method",
    "prices": "price",
    "products": "product",
    "refunds": "refund",
    "subscriptions": "subscription",
}
FILTERS: dict[str, tuple[str, ...]] = {
    "events": ("type", "types", "created[gt]", "created[gte]", "created[lt]", "created[lte]"),
    "invoice_payments": ("invoice", "status", "payment[type]", "payment[payment_intent]"),
    "refunds": ("charge", "payment_intent"),
}
COMPARED: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
}


class Declined(Exception):
    """An error answer: HTTP `status`, and Stripe's `error` object."""

    def __init__(self, status: int, message: str, *, code: str | None = None, param: str | None = None):
        super().__init__(message)
        self.status = status
        self.error: Json = {"message": message, "type": "invalid_request_error"}
        if code is not None:
            self.error |= {"code": code, "doc_url": f"https://docs.stripe.com/error-codes/{code.replace('_', '-')}"}
        if param is not None:
            self.error["param"] = param

    @classmethod
    def unrecognized(cls, method: str, path: str) -> Declined:
        return cls(404, f"Unrecognized request URL ({method}: {path}).")

    @classmethod
    def unknown(cls, param: str) -> Declined:
        return cls(400, f"Received unknown parameter: {param}", code="parameter_unknown", param=param)


class Answers:
    """Answers GET requests from an account; every object that leaves passes the contract oracle."""

    def __init__(self, account: StripeAccount):
        self._account = account
        self._requests = count(1)

    def request_id(self) -> str:
        return f"req_{next(self._requests):014d}"

    def get(self, path: str, query: Query) -> Json:
        """The JSON of `/v1/<collection>` or `/v1/<collection>/<id>`. Declined with 400 or 404."""
        found = re.fullmatch(r"/v1/((?:checkout/)?[a-z_]+)(?:/([A-Za-z0-9_-]+))?", path)
        if found is None or found[1] not in KINDS or (found[2] is None and found[1] not in FILTERS):
            raise Declined.unrecognized("GET", path)
        plain = [(re.sub(r"\[\d*\]$", "", name), value) for name, value in query]
        expanded = [value for name, value in plain if name == "expand"]
        asked = [(name, value) for name, value in plain if name != "expand"]
        with self._account.lock:
            answer = self._list(found[1], asked) if found[2] is None else self._one(found[1], found[2], asked)
            for field in expanded:
                self._expand(answer, field, field)
        for thing in answer["data"] if answer["object"] == "list" else [answer]:
            check(thing)
        return answer

    def _one(self, collection: str, id: str, asked: Query) -> Json:
        if asked:
            raise Declined.unknown(asked[0][0])
        kind = KINDS[collection]
        try:
            return self._event(id) if kind == "event" else self._account.retrieve(kind, id)
        except NotThere as missing:
            raise Declined(404, str(missing), code="resource_missing", param="id") from None

    def _event(self, id: str) -> Json:
        for event in self._account.events:
            if event["id"] == id:
                return deepcopy(event)
        raise NotThere("event", id)

    def _list(self, collection: str, asked: Query) -> Json:
        """The newest first, `limit` (10, at most 100) from `starting_after`."""
        for name, _ in asked:
            if name not in (*FILTERS[collection], "limit", "starting_after"):
                raise Declined.unknown(name)
        things = self._account.events[::-1] if collection == "events" else self._account.find(KINDS[collection])
        things = [thing for thing in things if _fits(thing, asked)]
        given = dict(asked)
        things = _after(things, given.get("starting_after"))
        limit = _integer("limit", given.get("limit", "10"))
        if not 1 <= limit <= 100:
            raise Declined(400, f"Invalid limit: {limit} (1 to 100).", param="limit")
        return page(deepcopy(things[:limit]), f"/v1/{collection}", has_more=len(things) > limit)

    def _expand(self, thing: Json, path: str, asked: str) -> None:
        """Replace the id at `latest_invoice`, `data.payment.payment_intent`, … by its object."""
        field, _, rest = path.partition(".")
        if thing.get("object") == "list" and field == "data":
            for each in thing["data"]:
                self._expand(each, rest, asked)
            return
        value = self._included(thing, field)
        if not isinstance(value, dict):
            raise Declined(400, f"This property cannot be expanded ({asked}).", param="expand")
        thing[field] = value
        if rest:
            self._expand(value, rest, asked)

    def _included(self, thing: Json, field: str) -> Any:
        if (thing.get("object"), field) == ("invoice", "payments"):
            return page(
                self._account.invoice_payments(invoice=thing["id"]), f"/v1/invoice_payments?invoice={thing['id']}"
            )
        if (thing.get("object"), field) == ("charge", "refunds"):
            return page(self._account.find("refund", charge=thing["id"]), f"/v1/charges/{thing['id']}/refunds")
        value = thing.get(field)
        return self._account.lookup(value) if isinstance(value, str) else value


def _fits(thing: Json, asked: Query) -> bool:
    types = [value for name, value in asked if name == "types"]
    if types and thing["type"] not in types:
        return False
    return all(
        _matches(thing, name, value) for name, value in asked if name not in ("types", "limit", "starting_after")
    )


def _matches(thing: Json, name: str, value: str) -> bool:
    field, _, inner = name.rstrip("]").partition("[")
    if field == "created":
        return COMPARED[inner](thing["created"], _integer(name, value))
    return bool((thing[field].get(inner) if inner else thing[field]) == value)


def _integer(name: str, value: str) -> int:
    if not value.isdecimal():
        raise Declined(400, f"Invalid integer: {value}", code="parameter_invalid_integer", param=name)
    return int(value)


def _after(things: list[Json], id: str | None) -> list[Json]:
    if id is None:
        return things
    for at, thing in enumerate(things):
        if thing["id"] == id:
            return things[at + 1 :]
    raise Declined(400, f"No such object: '{id}'", code="resource_missing", param="starting_after")

"""Parameters of older API versions, which the official command line's scripts still send.

They are taken only from requests that name no `Stripe-Version`, as Stripe takes them from an account whose default
version is older; a request with the current version is held to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from scripts.stripe_sim.operations import Parameter

Tree = Mapping[str, Any]
_TYPES = ("payment_method_types", "allowed_payment_method_types")
_RENAMED = {
    ("POST", "/v1/checkout/sessions"): _TYPES,
    ("POST", "/v1/payment_intents"): _TYPES,
    ("POST", "/v1/setup_intents"): _TYPES,
}
_COUPON = {"coupon": Parameter(Literal[""] | str, required=False)}
_STILL_THERE = {("POST", "/v1/customers"): _COUPON, ("POST", "/v1/customers/{customer}"): _COUPON}
_TRANSFER = ("payment_method_options", "customer_balance", "bank_transfer")


def respelled(method: str, path: str, tree: Tree) -> Tree:
    """The same request in today's words."""
    if (method, path) in _RENAMED:
        former, now = _RENAMED[method, path]
        return _with_bank_transfer({now if name == former else name: value for name, value in tree.items()})
    if (method, path) == ("POST", "/v1/promotion_codes") and "coupon" in tree:
        rest = {name: value for name, value in tree.items() if name != "coupon"}
        return {**rest, "promotion": {"type": "coupon", "coupon": tree["coupon"]}}
    if path.startswith("/v1/subscription_schedules") and isinstance(tree.get("phases"), Mapping):
        return {**tree, "phases": {at: _with_duration(phase) for at, phase in tree["phases"].items()}}
    return tree


def more_parameters(method: str, path: str) -> Mapping[str, Parameter]:
    """What has no counterpart today and is still simulated."""
    return _STILL_THERE.get((method, path), {})


def _with_bank_transfer(tree: Tree) -> Tree:
    """Japanese transfers had another name."""
    inner: Any = tree
    for name in _TRANSFER:
        inner = inner.get(name, {}) if isinstance(inner, Mapping) else {}
    if inner.get("type") != "jp_bank_account":
        return tree
    transfer = {**inner, "type": "jp_bank_transfer"}
    options = {**tree["payment_method_options"]["customer_balance"], "bank_transfer": transfer}
    return {**tree, "payment_method_options": {**tree["payment_method_options"], "customer_balance": options}}


def _with_duration(phase: Tree) -> Tree:
    """`iterations` counted periods of the price; the scripts' prices are monthly."""
    rest = {name: value for name, value in phase.items() if name != "iterations"}
    if "iterations" not in phase:
        return rest
    return {**rest, "duration": {"interval": "month", "interval_count": phase["iterations"]}}

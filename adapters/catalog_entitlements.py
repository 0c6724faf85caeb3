"""The `entitlements` of a plan in a catalogue file."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from adapters.yaml_tree import Node
from adapters.yaml_values import (
    Convert,
    Reading,
    Unread,
    Wrong,
    boolean,
    duration,
    each_duration,
    entries_of,
    integer,
    items_of,
    number,
    parsed,
    share,
    shown,
    word,
)
from domain.durations import CalendarTerm
from domain.entitlements import Entitlements, Feature, Overage, RateLimit, RatePeriod
from domain.limit import UNLIMITED, Anchor, Each, Limit, LimitPeriod, OnUpgrade, UnitPrice
from domain.seat_policy import BorrowRules, Leasing, QueueRules, SeatGroup, SeatPolicy


def entitlements(reading: Reading, node: Node) -> Any:
    fields: dict[str, Convert] = {
        "seats": _seats,
        "overage": _overage,
        "lease": duration,
        "heartbeat": duration,
        "offline_grace": duration,
        "payment_grace": each_duration,
        "license_term": _license_term,
        "machines": integer,
        "features": _features,
        "limits": _limits,
        "rate_limits": _rate_limits,
        "late_usage": duration,
        **_SEAT_POLICY,
    }
    return reading.record(_entitled, node, fields, "seats")


def _entitled(**given: Any) -> Entitlements:
    policy = {name: given.pop(name) for name in _SEAT_POLICY if name in given}
    return Entitlements(**given, seat_policy=SeatPolicy(**policy))


def _features(reading: Reading, node: Node) -> Any:
    return reading.all(_feature, entries_of(node).values())


def _feature(reading: Reading, node: Node) -> Feature:
    if not isinstance(node.value, bool | int):
        raise Wrong(f"{shown(node)} is neither true, false nor a whole number")
    return Feature.of(node.name, node.value)


def _limits(reading: Reading, node: Node) -> Any:
    """A meter has one limit, or a list of them."""
    found = reading.all(_limits_on, entries_of(node).values())
    return found if isinstance(found, Unread) else tuple(limit for limits in found for limit in limits)


def _limits_on(reading: Reading, node: Node) -> Any:
    several = items_of(node) if isinstance(node.value, list) else [node]
    return reading.all(partial(_limit, node.name), several)


def _limit(meter: str, reading: Reading, node: Node) -> Any:
    fields: dict[str, Convert] = {
        "amount": _limit_amount,
        "per": partial(word, LimitPeriod),
        "warn_at": share,
        "hard": boolean,
        "each": partial(word, Each),
        "anchor": partial(word, Anchor),
        "on_upgrade": partial(word, OnUpgrade),
        "overage": _unit_prices,
    }
    return reading.record(partial(Limit, meter), node, fields, "amount", "per")


def _unit_prices(reading: Reading, node: Node) -> Any:
    """By currency; text is exact to the last digit."""
    return reading.all(_unit_price, sorted(entries_of(node).values(), key=lambda each: each.name))


def _unit_price(reading: Reading, node: Node) -> UnitPrice:
    is_number = isinstance(node.value, int | Decimal) and not isinstance(node.value, bool)
    try:
        amount = Decimal(node.value) if is_number or isinstance(node.value, str) else None
    except InvalidOperation:
        amount = None
    if amount is None or not amount.is_finite():
        raise Wrong(f'{shown(node)} is not a price in minor units such as "0.25"')
    return UnitPrice(node.name, amount)


def _rate_limits(reading: Reading, node: Node) -> Any:
    return reading.all(_rate_limit, entries_of(node).values())


def _rate_limit(reading: Reading, node: Node) -> RateLimit:
    calls, slash, per = node.value.partition("/") if isinstance(node.value, str) else ("", "", "")
    if not (slash and calls.isascii() and calls.isdigit() and len(calls) < 10 and per in list(RatePeriod)):
        raise Wrong(f'{shown(node)} is not a rate such as "10/second" (or minute, hour, day)')
    return RateLimit(node.name, int(calls), RatePeriod(per))


def _groups(reading: Reading, node: Node) -> Any:
    return reading.all(_group, entries_of(node).values())


def _group(reading: Reading, node: Node) -> Any:
    fields: dict[str, Convert] = {"reserved": integer, "limit": integer, "priority": integer}
    return reading.record(partial(SeatGroup, node.name), node, fields)


def _queue(reading: Reading, node: Node) -> Any:
    fields: dict[str, Convert] = {"length": integer, "patience": duration, "collect": duration}
    return reading.record(QueueRules, node, fields)


def _borrow(reading: Reading, node: Node) -> Any:
    fields: dict[str, Convert] = {"longest": duration, "keep": integer}
    return reading.record(BorrowRules, node, fields, "longest")


_SEAT_POLICY: dict[str, Convert] = {
    "resume": duration,
    "leasing": partial(word, Leasing),
    "seats_per_user": integer,
    "groups": _groups,
    "queue": _queue,
    "borrow": _borrow,
    "swap": boolean,
}


def _seats(reading: Reading, node: Node) -> Any:
    return "quantity" if node.value == "quantity" else number(node, 'a whole number or the word "quantity"')


def _limit_amount(reading: Reading, node: Node) -> Any:
    return UNLIMITED if node.value == UNLIMITED else number(node, 'a whole number or the word "unlimited"')


def _overage(reading: Reading, node: Node) -> Overage:
    if node.value == UNLIMITED:
        return Overage.UNLIMITED
    shares = [each for each in Overage if each is not Overage.UNLIMITED]
    for each in shares:
        if not isinstance(node.value, bool | str) and node.value == Decimal(each):
            return each
    raise Wrong(f'{shown(node)} is none of {", ".join(shares)} and "unlimited"')


def _license_term(reading: Reading, node: Node) -> Any:
    return "period" if node.value == "period" else parsed(CalendarTerm.parse, node, 'or the word "period"')

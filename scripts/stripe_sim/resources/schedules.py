"""Subscription schedules: a subscription becomes something else at a time that was set before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripts.stripe_sim import objects
from scripts.stripe_sim.agenda import Due
from scripts.stripe_sim.errors import Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.periods import later
from scripts.stripe_sim.resources.resource import Resource, answers, copy_fields, either

EXPIRING_NOTICE = 7 * 86_400
_RUNNING = ("not_started", "active")
_PHASE = (
    "phases.items.price phases.items.price_data phases.items.quantity phases.items.metadata phases.items.plan"
    " phases.duration phases.end_date phases.iterations phases.proration_behavior phases.metadata phases.trial"
    " phases.trial_end phases.description phases.default_payment_method phases.collection_method phases.currency"
    " phases.billing_cycle_anchor phases.discounts phases.default_tax_rates"
)


class Schedules(Resource):
    kind, service = "subscription_schedule", "subscription_schedules"
    filters = {"scheduled": lambda schedule, wanted: (schedule["status"] == "not_started") == wanted}
    rank = 1
    """A phase begins before its subscription is renewed in the same moment."""

    @answers(
        "subscription_schedules.create",
        accepts=f"{_PHASE} customer end_behavior from_subscription metadata start_date"
        " default_settings.default_payment_method default_settings.collection_method",
    )
    def create(self, given: Given) -> Json:
        either(given, "from_subscription", "phases")
        if "from_subscription" in given:
            return self._of_subscription(given)
        customer = self.api.customers.get(given.get("customer", ""), "customer")
        start = given.get("start_date", "now")
        start = self.ledger.at if start == "now" else start
        phases = self._phases(given.get("phases") or (), start)
        schedule = self._add(customer, phases, given)
        if start <= self.ledger.at:
            self._begin(schedule)
        return schedule

    @answers(
        "subscription_schedules.update", accepts=f"{_PHASE} phases.start_date end_behavior metadata proration_behavior"
    )
    def update(self, id: str, given: Given) -> Json:
        """All current and future phases anew. The current one takes effect now where it differs."""
        schedule = self._running(id)
        with self.ledger.changing(schedule, "subscription_schedule.updated"):
            copy_fields(schedule, given, "metadata end_behavior")
            if "phases" in given:
                started = schedule["current_phase"] or {"start_date": schedule["phases"][0]["start_date"]}
                first = given["phases"][0].get("start_date", started["start_date"])
                first = self.ledger.at if first == "now" else first
                schedule["phases"] = self._phases(given["phases"], first)
                self._enter(schedule, self._phase_at(schedule, self.ledger.at), given.get("proration_behavior"))
        return schedule

    @answers("subscription_schedules.cancel", accepts="invoice_now prorate")
    def cancel(self, id: str, given: Given) -> Json:
        """The subscription is canceled too, now."""
        schedule = self._running(id)
        subscription = self._let_go(schedule)
        self._finish(schedule, "canceled", "subscription_schedule.canceled", canceled_at=self.ledger.at)
        if subscription and subscription["ended_at"] is None:
            self.api.subscriptions.cancel(subscription["id"], given)
        return schedule

    @answers("subscription_schedules.release", accepts="preserve_cancel_date")
    def release(self, id: str, given: Given) -> Json:
        """The subscription goes on as it is."""
        schedule = self._running(id)
        released = self._let_go(schedule)
        schedule["released_subscription"], schedule["subscription"] = released and released["id"], None
        self._finish(schedule, "released", "subscription_schedule.released", released_at=self.ledger.at)
        return schedule

    def due(self, thing: Json) -> Iterator[Due]:
        if thing["status"] == "not_started":
            yield Due(thing["phases"][0]["start_date"], self._begin)
        if thing["status"] != "active":
            return
        last = thing["phases"][-1]["end_date"]
        if not self.ledger.hidden[thing["id"]].get("expiring"):
            yield Due(max(last - EXPIRING_NOTICE, thing["created"]), self._announce_end)
        if thing["current_phase"]:
            yield Due(thing["current_phase"]["end_date"], self._next_phase)

    def items_at(self, subscription: Json, moment: int) -> list[Json]:
        """What the subscription's schedule changes from a moment on, as an update names it; nothing: all stays."""
        schedule = self.ledger.known(subscription["schedule"]) if subscription["schedule"] else None
        phase = self._phase_at(schedule, moment) if schedule and schedule["status"] == "active" else None
        return self._as_change(subscription, phase) if phase else []

    def subscription_ended(self, subscription: Json) -> None:
        """A subscription that is over takes its schedule along."""
        schedule = self.ledger.get("subscription_schedule", subscription["schedule"])
        subscription["schedule"] = None
        if schedule["status"] in _RUNNING:
            self._finish(schedule, "canceled", "subscription_schedule.canceled", canceled_at=self.ledger.at)

    def _of_subscription(self, given: Given) -> Json:
        """A schedule whose only phase is what the subscription is now."""
        subscription = self.api.subscriptions.live(given["from_subscription"])
        if subscription["schedule"]:
            raise Refused(f"The subscription {subscription['id']} is already managed by a subscription schedule.")
        items = subscription["items"]["data"]
        phase = objects.phase(
            currency=subscription["currency"],
            items=[objects.phase_item(item["price"], item["quantity"], item["metadata"]) for item in items],
            start=items[0]["current_period_start"],
            end=items[0]["current_period_end"],
            trial_end=subscription["trial_end"] if subscription["status"] == "trialing" else None,
        )
        customer = self.ledger.get("customer", subscription["customer"])
        schedule = self._add(customer, [phase], given, subscription["id"])
        with self.ledger.changing(subscription, "customer.subscription.updated"):
            subscription["schedule"] = schedule["id"]
        return schedule

    def _add(self, customer: Json, phases: list[Json], given: Given, subscription: str | None = None) -> Json:
        schedule = objects.subscription_schedule(
            self.ledger.new_id("sub_sched"),
            at=self.ledger.at,
            customer=customer,
            phases=phases,
            end_behavior=given.get("end_behavior", "release"),
            subscription=subscription,
        )
        copy_fields(schedule, given, "metadata")
        schedule["default_settings"] |= given.get("default_settings", {})
        if subscription:
            schedule["status"], schedule["current_phase"] = "active", _bounds(phases[0])
        return self.ledger.add(schedule, "subscription_schedule.created")

    def _phases(self, given: Sequence[Mapping[str, Any]], start: int) -> list[Json]:
        """Each phase begins where the one before it ends."""
        if not given:
            raise Refused("Missing required param: phases.", code="parameter_missing", param="phases")
        phases: list[Json] = []
        for each in given:
            phases.append(self._phase(each, phases[-1]["end_date"] if phases else start))
        return phases

    def _phase(self, given: Mapping[str, Any], start: int) -> Json:
        prices = [self.api.prices.named(item, "phases[0][items][0][price]") for item in given["items"]]
        recurring = prices[0]["recurring"]
        length = given.get("duration") or {
            "interval": recurring["interval"],
            "interval_count": recurring["interval_count"] * given.get("iterations", 1),
        }
        end = given.get("end_date") or later(start, length["interval"], length.get("interval_count", 1))
        if end == "now":
            end = self.ledger.at
        items = [
            objects.phase_item(price, item.get("quantity", 1), item.get("metadata"))
            for price, item in zip(prices, given["items"], strict=True)
        ]
        phase = objects.phase(currency=prices[0]["currency"], items=items, start=start, end=end)
        copy_fields(phase, given, "metadata proration_behavior description trial_end collection_method")
        copy_fields(phase, given, "default_payment_method billing_cycle_anchor")
        phase["discounts"] = [
            {"coupon": None, "discount": None, "promotion_code": None, **each} for each in given.get("discounts") or ()
        ]
        phase["default_tax_rates"] = self.api.tax_rates.named(given.get("default_tax_rates", ()))
        if given.get("trial"):
            phase["trial_end"] = end
        return phase

    def _begin(self, schedule: Json) -> None:
        """The first phase makes the subscription."""
        phase = schedule["phases"][0]
        customer = self.ledger.get("customer", schedule["customer"])
        defaults = schedule["default_settings"]
        given = {name: defaults[name] for name in ("collection_method", "default_payment_method") if defaults[name]}
        given |= _settings(phase)
        items = [{"price": item["price"], "quantity": item["quantity"]} for item in phase["items"]]
        subscription, invoice = self.api.subscribing.begin(customer, items, given)
        with self.ledger.changing(schedule, "subscription_schedule.updated"):
            schedule.update(status="active", subscription=subscription["id"], current_phase=_bounds(phase))
        with self.ledger.changing(subscription, "customer.subscription.updated"):
            subscription["schedule"] = schedule["id"]
        if invoice["status"] == "open":
            self.api.collection.begin(invoice)

    def _next_phase(self, schedule: Json) -> None:
        phase = self._phase_at(schedule, self.ledger.at)
        if phase is None:
            self._end(schedule)
            return
        with self.ledger.changing(schedule, "subscription_schedule.updated"):
            self._enter(schedule, phase, None)

    def _enter(self, schedule: Json, phase: Json | None, behavior: str | None) -> None:
        """The subscription becomes what the phase says."""
        if phase is None or schedule["status"] != "active":
            return
        schedule["current_phase"] = _bounds(phase)
        subscription = self.ledger.get("subscription", schedule["subscription"])
        settings = _settings(phase)
        if settings.get("trial_end") == subscription["trial_end"] or settings.get("trial_end", 0) <= self.ledger.at:
            settings.pop("trial_end", None)
        if phase["billing_cycle_anchor"] == "phase_start" and phase["start_date"] == self.ledger.at:
            settings["billing_cycle_anchor"] = {"type": "now"}
        change = {"items": self._as_change(subscription, phase), **settings}
        if change["items"] or settings:
            change["proration_behavior"] = behavior or phase["proration_behavior"]
            self.api.subscriptions.update(subscription["id"], change)

    def _as_change(self, subscription: Json, phase: Json) -> list[Json]:
        """The items of a phase as a change of what the subscription has; nothing where they are the same."""
        current = {item["price"]["id"]: item for item in subscription["items"]["data"]}
        wanted = {item["price"]: item for item in phase["items"]}
        if {price: item["quantity"] for price, item in current.items()} == {
            price: item["quantity"] for price, item in wanted.items()
        }:
            return []
        gone = [item["id"] for price, item in current.items() if price not in wanted]
        change = []
        for price, item in wanted.items():
            known = current[price]["id"] if price in current else gone.pop(0) if gone else None
            change.append({"price": price, "quantity": item["quantity"], **({"id": known} if known else {})})
        return [*change, *({"id": id, "deleted": True} for id in gone)]

    def _end(self, schedule: Json) -> None:
        """The last phase is over: the subscription goes on as it is, or ends too."""
        subscription = self._let_go(schedule)
        self._finish(schedule, "completed", "subscription_schedule.completed", completed_at=self.ledger.at)
        if subscription and schedule["end_behavior"] == "cancel":
            self.api.subscription_life.end(subscription, None)

    def _let_go(self, schedule: Json) -> Json | None:
        """The subscription, which no longer has a schedule."""
        if not schedule["subscription"]:
            return None
        with self.ledger.changing(
            self.ledger.get("subscription", schedule["subscription"]), "customer.subscription.updated"
        ) as subscription:
            subscription["schedule"] = None
        return subscription

    def _finish(self, schedule: Json, status: str, event: str, **when: int) -> None:
        with self.ledger.changing(schedule, event, "subscription_schedule.updated"):
            schedule.update(status=status, current_phase=None, **when)

    def _announce_end(self, schedule: Json) -> None:
        self.ledger.hidden[schedule["id"]]["expiring"] = True
        self.ledger.emit("subscription_schedule.expiring", schedule)

    def _running(self, id: str) -> Json:
        schedule = self.get(id)
        if schedule["status"] not in _RUNNING:
            raise Refused(f"You cannot change a subscription schedule that is {schedule['status']}.")
        return schedule

    @staticmethod
    def _phase_at(schedule: Json, moment: int) -> Json | None:
        return next((each for each in schedule["phases"] if each["start_date"] <= moment < each["end_date"]), None)


def _settings(phase: Json) -> Json:
    """What a phase says of its subscription besides the items, as parameters."""
    plain = ("collection_method", "default_payment_method", "description", "metadata", "trial_end")
    settings = {name: phase[name] for name in plain if phase[name]}
    if phase["default_tax_rates"]:
        settings["default_tax_rates"] = [rate["id"] for rate in phase["default_tax_rates"]]
    if phase["discounts"]:
        settings["discounts"] = [{name: id for name, id in each.items() if id} for each in phase["discounts"]]
    return settings


def _bounds(phase: Json) -> Json:
    return {"end_date": phase["end_date"], "start_date": phase["start_date"]}

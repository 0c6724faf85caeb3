"""What came of what Stripe was asked: from its answer, or found again by how things stand."""

from __future__ import annotations

from functools import singledispatchmethod
from typing import Any

from adapters.stripe_client import Stripe, plain
from adapters.stripe_events import customer_report, schedule_report, subscription_report
from adapters.stripe_fields import Payload, id_of, listed, maybe_id, maybe_time
from domain import provider_asks as asks
from domain.provider_answers import Performed, Unpaid
from domain.provider_desk import Command
from domain.provider_facts import ProviderFact


class StripeOutcomes:
    """Reads only. Raises `Unavailable` when Stripe cannot be asked."""

    def __init__(self, stripe: Stripe) -> None:
        self._stripe = stripe

    def find(self, command: Command) -> Performed | None:
        """What a command has come to; None when Stripe does not look as if it was done. A page is never found: whoever
        it was for does not wait any more."""
        try:
            return self._find(command.ask, command)
        except LookupError:
            return None

    @singledispatchmethod
    def _find(self, ask: Any, command: Command) -> Performed | None:
        return None

    @_find.register
    def _(self, ask: asks.MakeCustomer, command: Command) -> Performed | None:
        query: Any = {"query": f"metadata['usher_command']:'{command.id}'", "limit": 1}
        found = self._stripe.read(lambda: self._stripe.v1.customers.search(query))
        return self.customer(found.data[0]) if found.data else None

    @_find.register
    def _(self, ask: asks.ChangeNow, command: Command) -> Performed | None:
        """Also while it waits for its payment."""
        answer, found = self._look(ask.subscription)
        pending = found.get("pending_update") or {}
        items = pending.get("subscription_items") or found["items"]["data"]
        item = next((each for each in items if each["id"] == ask.item), None)
        if item is None or item.get("quantity") != ask.quantity or ask.price not in (None, id_of(item["price"])):
            return None
        if ask.ends_trial and found["status"] == "trialing" and not pending:
            return None
        return self.told(answer)

    @_find.register
    def _(self, ask: asks.ChangeAtPeriodEnd, command: Command) -> Performed | None:
        answer, found = self._look(ask.subscription)
        name = maybe_id(found.get("schedule"))
        if name is None:
            return None
        schedule = self._stripe.read(lambda: self._stripe.v1.subscription_schedules.retrieve(name))
        last = plain(schedule)["phases"][-1]["items"]
        wanted = (ask.price, ask.quantity)
        is_planned = wanted in [(id_of(item["price"]), item.get("quantity")) for item in last]
        return self.told(answer, schedule) if is_planned and len(schedule.phases) > 1 else None

    @_find.register
    def _(self, ask: asks.WithdrawChange, command: Command) -> Performed | None:
        answer, found = self._look(ask.subscription)
        is_held = ask.invoice is not None and found.get("pending_update")
        return None if is_held or self._has(found, ask.schedule) else self._without(answer, ask.schedule)

    @_find.register
    def _(self, ask: asks.Cancel, command: Command) -> Performed | None:
        answer, found = self._look(ask.subscription)
        ends = found.get("ended_at") or (ask.at_period_end and found.get("cancel_at"))
        return self._without(answer, ask.schedule) if ends and not self._has(found, ask.schedule) else None

    @_find.register
    def _(self, ask: asks.Pause, command: Command) -> Performed | None:
        answer, found = self._look(ask.subscription)
        return self.told(answer) if found["status"] == "paused" else None

    @_find.register
    def _(self, ask: asks.Resume, command: Command) -> Performed | None:
        """One that waits for the payment of its new period looks like one that nobody resumed."""
        answer, found = self._look(ask.subscription)
        stands_still = found["status"] == "paused" if ask.is_paused else found.get("cancel_at")
        return None if stands_still else self.told(answer)

    @_find.register
    def _(self, ask: asks.BillOverage, command: Command) -> Performed | None:
        given: Any = {"customer": self.customer_of(ask.subscription), "limit": 100}
        items = self._stripe.read(lambda: list(self._stripe.v1.invoice_items.list(given).auto_paging_iter()))
        facts = ((each.id, plain(each).get("metadata") or {}) for each in items)
        return next((Performed(id) for id, metadata in facts if metadata.get("usher_fact") == ask.fact), None)

    def customer_of(self, subscription: str) -> str:
        """Stripe's name of who pays for it."""
        return id_of(self._look(subscription)[1]["customer"])

    # from an answer

    def customer(self, answer: Any) -> Performed:
        return Performed(answer.id, (customer_report(plain(answer), self._stripe.seen(answer)),))

    def subscription(self, id: str, schedule: Any = None) -> Performed:
        """How it stands now."""
        return self.told(self._look(id)[0], schedule)

    def told(self, answer: Any, schedule: Any = None) -> Performed:
        found = plain(answer)
        facts: list[ProviderFact] = [subscription_report(found, self._stripe.seen(answer))]
        if schedule is not None:
            facts.append(schedule_report(plain(schedule), self._stripe.seen(schedule)))
        return Performed(found["id"], tuple(facts), unpaid=self._unpaid(found))

    def _without(self, answer: Any, schedule: str | None) -> Performed:
        if schedule is None:
            return self.told(answer)
        return self.told(answer, self._stripe.read(lambda: self._stripe.v1.subscription_schedules.retrieve(schedule)))

    def _unpaid(self, found: Payload) -> Unpaid | None:
        """Why a change or the end of a pause waits for its payment, and where it can be paid."""
        pending, name = found.get("pending_update"), maybe_id(found.get("latest_invoice"))
        if name is None or not (pending or found["status"] == "paused"):
            return None
        invoice = plain(self._stripe.read(lambda: self._stripe.v1.invoices.retrieve(name)))
        if invoice["status"] != "open":
            return None
        intent = self._intent(name)
        error = intent.get("last_payment_error") or {}
        return Unpaid(
            needs_action=intent.get("status") == "requires_action",
            decline_code=error.get("decline_code") or error.get("code"),
            pay_url=invoice.get("hosted_invoice_url"),
            expires_at=maybe_time(pending["expires_at"]) if pending else None,
        )

    def _intent(self, invoice: str) -> Payload:
        """The payment that was tried: an invoice names its payments, not how they stand."""
        asked: Any = {"invoice": invoice, "expand": ["data.payment.payment_intent"], "limit": 1}
        payments = plain(self._stripe.read(lambda: self._stripe.v1.invoice_payments.list(asked)))
        intents = (each["payment"].get("payment_intent") for each in listed(payments))
        return next((intent for intent in intents if isinstance(intent, dict)), {})

    @staticmethod
    def _has(found: Payload, schedule: str | None) -> bool:
        return schedule is not None and maybe_id(found.get("schedule")) == schedule

    def _look(self, id: str) -> tuple[Any, Payload]:
        answer = self._stripe.read(lambda: self._stripe.v1.subscriptions.retrieve(id))
        return answer, plain(answer)

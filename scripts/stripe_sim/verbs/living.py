"""How a subscription goes on: trials that end, renewals that are paid, or not, or held back."""

from __future__ import annotations

from typing import Literal

from scripts.stripe_sim.account import verb
from scripts.stripe_sim.cards import DECLINED, FINE, Behaviour
from scripts.stripe_sim.errors import Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.resources.subscription_life import ENDED, EXPIRES_AFTER, TRIAL_NOTICE
from scripts.stripe_sim.verbs.buying import Buying

HOUR = 3600


class Living(Buying):
    """Verbs that Stripe performs by itself when time passes; each moves the clock to its moment, and what falls due on
    the way happens too. What the bank says to a card is the verb's to decide."""

    @verb
    def expire(self, subscription: str) -> None:
        """Nobody paid the first invoice within 23 hours: the subscription is over before it began."""
        self._until(self._in_status(subscription, "incomplete")["created"] + EXPIRES_AFTER)

    @verb
    def trial_will_end(self, subscription: str) -> None:
        """Three days before the end of the trial Stripe tells the vendor; nothing changes."""
        self._until(self._in_status(subscription, "trialing")["trial_end"] - TRIAL_NOTICE)

    @verb
    def end_trial(self, subscription: str, *, pays: bool = True) -> None:
        """The trial is over: the first paid period begins; without a card what `trial_settings` says happens."""
        thing = self._in_status(subscription, "trialing")
        self._let_bank(thing, FINE if pays else DECLINED)
        self._until(thing["trial_end"] + HOUR)

    @verb
    def renew(self, subscription: str) -> None:
        """A new period begins and, an hour later, its invoice is paid (or held back while collection is paused)."""
        self._next_period(subscription, FINE)

    @verb
    def fail_renewal(self, subscription: str) -> None:
        """A new period begins, and the card is declined from now on; `fail_again`, `pay`, `give_up`."""
        self._next_period(subscription, DECLINED)

    @verb
    def fail_again(self, invoice: str) -> None:
        """The next planned attempt on an open invoice fails too; time moves to that attempt."""
        thing = self._open_invoice(invoice)
        if thing["next_payment_attempt"] is None:
            raise Refused(f"Invoice {invoice} has no payment attempt left.")
        if method := self.api.collection.method_for(thing):
            self.api.payment_methods.behave(method, DECLINED)
        self._until(thing["next_payment_attempt"])

    @verb
    def pay(self, invoice: str) -> None:
        """The customer pays an open invoice, late or out of turn; its subscription, if behind, is active again."""
        thing = self._open_invoice(invoice)
        with self.by_request():
            method = self.api.collection.method_for(thing)
            if method is None:
                method = self.post("payment_methods/pm_card_visa/attach", {"customer": thing["customer"]})
            self.api.payment_methods.behave(method, FINE)
            self.post(f"invoices/{invoice}/pay", {"payment_method": method["id"]})

    @verb
    def give_up(self, subscription: str, *, to: Literal["unpaid", "canceled", "past_due", "paused"] = "unpaid") -> None:
        """Stripe stops trying to collect the latest invoice, and the subscription becomes what the vendor has set."""
        thing = self._in_status(subscription, "past_due")
        self.api.collection.give_up(self.get("invoice", thing["latest_invoice"]), thing, to)

    @verb
    def void(self, invoice: str) -> None:
        """The vendor voids an open invoice: nothing is owed any more; the subscription stays what it is."""
        self.post(f"invoices/{invoice}/void")

    @verb
    def mark_uncollectible(self, invoice: str) -> None:
        """The vendor gives up the money of an open invoice."""
        self.post(f"invoices/{invoice}/mark_uncollectible")

    def _next_period(self, id: str, bank: Behaviour) -> None:
        subscription = self._in_status(id, "active", "past_due", "unpaid")
        if subscription["cancel_at_period_end"]:
            raise Refused(f"Subscription {id} is canceled at the end of its period.")
        self._let_bank(subscription, bank)
        self._until(subscription["items"]["data"][0]["current_period_end"] + HOUR)

    def _let_bank(self, subscription: Json, behaviour: Behaviour) -> None:
        """From now on the bank treats the card that pays for the subscription so."""
        if method := self.api.collection.method_for(self.get("invoice", subscription["latest_invoice"])):
            self.api.payment_methods.behave(method, behaviour)

    def _in_status(self, id: str, *statuses: str) -> Json:
        """The subscription, when its status is one of these, or any that is not final."""
        subscription = self.get("subscription", id)
        status = subscription["status"]
        if status in ENDED or (statuses and status not in statuses):
            raise Refused(f"Subscription {id} is {status}.")
        return subscription

    def _open_invoice(self, id: str) -> Json:
        invoice = self.get("invoice", id)
        if invoice["status"] not in ("open", "uncollectible"):
            raise Refused(f"Invoice {id} is {invoice['status']}, not open.")
        return invoice

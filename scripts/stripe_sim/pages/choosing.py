"""The payment method that a form names: one of the cards that are offered, or a test card's number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.stripe_sim.forms import Tree

if TYPE_CHECKING:
    from scripts.stripe_sim.account import Account
    from scripts.stripe_sim.ledger import Json


def chosen_card(account: Account, given: Tree) -> Json:
    """A new payment method. Raises CardError for a number that is no test card's."""
    if number := given.get("number"):
        return account.api.payment_methods.make({"type": "card", "card": {"number": number}})
    return account.api.payment_methods.resolve(f"pm_card_{given.get('card', 'visa')}")

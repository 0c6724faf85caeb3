"""Stripe as what sells for us: everything that buying and changing asks of it."""

from __future__ import annotations

from adapters.stripe_client import Stripe
from adapters.stripe_commands import StripeCommands
from adapters.stripe_prices import StripePrices
from adapters.stripe_running import StripeRunning


class StripeSeller:
    def __init__(self, stripe: Stripe) -> None:
        commands, running, prices = StripeCommands(stripe), StripeRunning(stripe), StripePrices(stripe)
        self.perform, self.find = commands.perform, commands.find
        self.running, self.preview = running.running, running.preview
        self.price_like, self.promotion = prices.price_like, prices.promotion

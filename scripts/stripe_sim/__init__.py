"""A stand-in for Stripe in memory, for the demo, the tests and the benchmark; never imported by the product."""

from scripts.stripe_sim.account import Emitted
from scripts.stripe_sim.errors import NotThere, Refused
from scripts.stripe_sim.oracle import ContractBreach, check
from scripts.stripe_sim.signing import sign
from scripts.stripe_sim.verbs import StripeAccount

__all__ = ["ContractBreach", "Emitted", "NotThere", "Refused", "StripeAccount", "check", "sign"]

"""A Stripe account in memory: it lives its customers' lives and emits the webhook events that Stripe would emit."""

from __future__ import annotations

from scripts.stripe_sim.changing import Changing
from scripts.stripe_sim.returning import Returning


class StripeAccount(Changing, Returning):
    """`StripeAccount(seed=1, now=…)`: deterministic by seed, with time as an argument.

    A verb takes ids, changes the account, and answers with the events it caused (`Emitted`), which are also appended
    to `events`; each event holds the full object as it was at that moment. Verbs about what Stripe does at a certain
    time (`renew`, `end_trial`, `fail_again`, `delete`, …) move the clock there. Events of one verb mostly share one
    second: `created` gives no order, as at Stripe. Every event is checked against the contract oracle (`check=True`).
    A verb that does not fit the state raises Refused and changes nothing; an unknown id raises NotThere.
    """

"""Conveniences for tests and demonstrations: requests to the API, time that passes, and what a bank decides."""

from __future__ import annotations

from scripts.stripe_sim.verbs.changing import Changing


class StripeAccount(Changing):
    """`StripeAccount(seed=1, now=…)`: deterministic by seed, with time as an argument.

    A verb takes ids, changes the account, and answers with the events it caused (`Emitted`), which are also appended
    to `events`; each event holds the full object as it was at that moment. Verbs about what Stripe does at a certain
    time (`renew`, `end_trial`, `fail_again`, `delete`, …) move the clock there, with everything else that falls due.
    Events of one verb mostly share one second: `created` gives no order, as at Stripe. Every event is checked against
    the contract oracle (`check=True`). A verb that does not fit the state raises Refused and changes nothing; an
    unknown id raises NotThere.
    """

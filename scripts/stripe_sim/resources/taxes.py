"""Tax rates that a vendor sets; Stripe's own tax calculation is not simulated."""

from __future__ import annotations

from collections.abc import Iterable

from scripts.stripe_sim import objects
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.resources.resource import Resource, answers, copy_fields

_FIELDS = "active country description display_name jurisdiction metadata state tax_type"


class TaxRates(Resource):
    kind, service = "tax_rate", "tax_rates"

    @answers("tax_rates.create", accepts=f"{_FIELDS} inclusive percentage")
    def create(self, given: Given) -> Json:
        rate = objects.tax_rate(
            self.ledger.new_id("txr"),
            at=self.ledger.at,
            display_name=given["display_name"],
            inclusive=given["inclusive"],
            percentage=given["percentage"],
        )
        copy_fields(rate, given, _FIELDS)
        return self.ledger.add(rate, "tax_rate.created")

    @answers("tax_rates.update", accepts=_FIELDS)
    def update(self, id: str, given: Given) -> Json:
        with self.ledger.changing(self.get(id), "tax_rate.updated") as rate:
            copy_fields(rate, given, _FIELDS)
        return rate

    def named(self, ids: Iterable[str] | str) -> list[Json]:
        """The rates themselves, as items and invoices hold them; an empty text is none."""
        return [self.get(id, "tax_rates") for id in ids or ()]

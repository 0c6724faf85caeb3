"""Test clocks: a customer whose time goes faster than the account's (https://docs.stripe.com/billing/testing/test-clocks)."""

from __future__ import annotations

from scripts.stripe_sim import objects
from scripts.stripe_sim.errors import Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.resources.resource import Resource, answers

_OWNED = ("subscription", "subscription_schedule", "invoice", "invoiceitem", "customer")


class TestClocks(Resource):
    __test__ = False
    kind, service = "test_helpers.test_clock", "test_helpers.test_clocks"

    @answers("test_helpers.test_clocks.create", accepts="frozen_time name")
    def create(self, given: Given) -> Json:
        clock = objects.test_clock(
            self.ledger.new_id("clock"),
            at=self.ledger.at,
            frozen_time=given["frozen_time"],
            name=given.get("name"),
        )
        self.ledger.start_clock(clock["id"], clock["frozen_time"])
        return self.ledger.add(clock, "test_helpers.test_clock.created")

    @answers("test_helpers.test_clocks.advance", accepts="frozen_time")
    def advance(self, id: str, given: Given) -> Json:
        """Everything that falls due happens before the next request; the answer says `advancing`, as Stripe's does."""
        clock, target = self.get(id), given["frozen_time"]
        if target <= clock["frozen_time"]:
            raise Refused("You can only advance a test clock forward in time.", param="frozen_time")
        with self.ledger.changing(clock, "test_helpers.test_clock.advancing"):
            clock.update(status="advancing", status_details={"advancing": {"target_frozen_time": target}})
        answer = self.ledger.retrieve(self.kind, id)
        self.ledger.run_clock(id, target)
        with self.ledger.changing(clock, "test_helpers.test_clock.ready"):
            clock.update(status="ready", status_details={}, frozen_time=target)
        return answer

    @answers("test_helpers.test_clocks.delete")
    def delete(self, id: str, given: Given) -> Json:
        """The clock takes its customers and everything of theirs along, without a word."""
        clock = self.get(id)
        for kind in _OWNED:
            for thing in self.ledger.all(kind, test_clock=id):
                self.ledger.remove(thing)
        self.ledger.emit("test_helpers.test_clock.deleted", clock)
        return self.ledger.add({"id": id, "object": self.kind, "deleted": True})

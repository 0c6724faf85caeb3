"""Coupons, promotion codes, and discounts: what takes something off an invoice, and for how long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from string import ascii_uppercase, digits
from typing import Any

from scripts.stripe_sim import objects
from scripts.stripe_sim.agenda import Due
from scripts.stripe_sim.errors import Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.periods import later
from scripts.stripe_sim.resources.resource import Resource, answers, copy_fields, either


class Coupons(Resource):
    kind, service = "coupon", "coupons"

    @answers(
        "coupons.create",
        accepts="amount_off applies_to currency duration duration_in_months id max_redemptions metadata name"
        " percent_off redeem_by",
    )
    def create(self, given: Given) -> Json:
        id = given.get("id") or self.ledger.letters(8)
        if self.ledger.has("coupon", id):
            raise Refused("Coupon already exists.", code="resource_already_exists", param="id")
        self._refuse_nonsense(given)
        terms = {
            name: given[name] for name in ("percent_off", "amount_off", "duration_in_months", "name") if name in given
        }
        currency = given["currency"].lower() if "amount_off" in given else None
        duration = given.get("duration", "once")
        coupon = objects.coupon(id, at=self.ledger.at, duration=duration, currency=currency, **terms)
        copy_fields(coupon, given, "max_redemptions metadata redeem_by")
        if "applies_to" in given:
            coupon["applies_to"] = {"products": given["applies_to"].get("products", [])}
        return self.ledger.add(coupon, "coupon.created")

    @answers("coupons.update", accepts="metadata name")
    def update(self, id: str, given: Given) -> Json:
        with self.ledger.changing(self.get(id), "coupon.updated") as coupon:
            copy_fields(coupon, given, "metadata name")
        return coupon

    @answers("coupons.delete")
    def delete(self, id: str, given: Given) -> Json:
        """Discounts that are running keep their terms."""
        coupon = self.get(id)
        self.ledger.hidden[id]["terms"] = coupon
        self.ledger.emit("coupon.deleted", coupon)
        return self.ledger.add({"id": id, "object": "coupon", "deleted": True})

    def due(self, thing: Json) -> Iterator[Due]:
        if thing.get("valid") and thing["redeem_by"]:
            yield Due(thing["redeem_by"], self._lapse)

    def terms(self, id: str) -> Json:
        """The coupon, also when it was deleted since."""
        return self.ledger.hidden[id].get("terms") or self.ledger.get("coupon", id)

    def refuse_expired(self, coupon: Json) -> None:
        if not coupon["valid"]:
            raise Refused(f"Coupon expired: {coupon['id']}", code="coupon_expired", param="coupon")

    def redeem(self, coupon: Json) -> None:
        self.refuse_expired(coupon)
        with self.ledger.changing(coupon, "coupon.updated"):
            coupon["times_redeemed"] += 1
            coupon["valid"] = coupon["max_redemptions"] in (None, 0) or (
                coupon["times_redeemed"] < coupon["max_redemptions"]
            )

    def _lapse(self, coupon: Json) -> None:
        with self.ledger.changing(coupon, "coupon.updated"):
            coupon["valid"] = False

    @staticmethod
    def _refuse_nonsense(given: Given) -> None:
        either(given, "percent_off", "amount_off")
        if not given.get("percent_off") and not given.get("amount_off"):
            raise Refused("Must provide percent_off or amount_off with currency parameter", param="percent_off")
        if given.get("amount_off") and not given.get("currency"):
            raise Refused("Must pass currency when passing amount_off", code="parameter_missing", param="currency")
        if given.get("percent_off") and not 0 < given["percent_off"] <= 100:
            raise Refused("Invalid percent_off: must be greater than 0 and at most 100.", param="percent_off")
        if (given.get("duration") == "repeating") != ("duration_in_months" in given):
            raise Refused("`duration_in_months` goes with the duration `repeating`.", param="duration_in_months")


class PromotionCodes(Resource):
    kind, service = "promotion_code", "promotion_codes"
    filters = {
        "code": lambda code, wanted: code["code"].lower() == wanted.lower(),
        "coupon": lambda code, wanted: code["promotion"]["coupon"] == wanted,
    }

    @answers(
        "promotion_codes.create",
        accepts="active code customer expires_at max_redemptions metadata promotion"
        " restrictions.first_time_transaction",
    )
    def create(self, given: Given) -> Json:
        coupon = self.api.coupons.get(given["promotion"].get("coupon", ""), "promotion[coupon]")
        code = given.get("code") or self.ledger.letters(8, ascii_uppercase + digits)
        if any(each["active"] for each in self._with_code(code)):
            raise Refused("An active promotion code with `code: " + code + "` already exists.", param="code")
        if customer := given.get("customer"):
            self.api.customers.get(customer, "customer")
        promotion = objects.promotion_code(
            self.ledger.new_id("promo"), at=self.ledger.at, coupon=coupon["id"], code=code
        )
        copy_fields(promotion, given, "active customer expires_at max_redemptions metadata")
        promotion["restrictions"] |= given.get("restrictions", {})
        return self.ledger.add(promotion, "promotion_code.created")

    @answers("promotion_codes.update", accepts="active metadata")
    def update(self, id: str, given: Given) -> Json:
        with self.ledger.changing(self.get(id), "promotion_code.updated") as code:
            copy_fields(code, given, "active metadata")
        return code

    def due(self, thing: Json) -> Iterator[Due]:
        if thing["active"] and thing["expires_at"]:
            yield Due(thing["expires_at"], self._expire)

    def typed_in(self, code: str) -> Json:
        """The active promotion code that a person types in; case does not count."""
        for each in self._with_code(code):
            if each["active"]:
                return each
        raise Refused(f"This promotion code is invalid: {code}", code="resource_missing", param="promotion_code")

    def refuse_unusable(self, promotion: Json, customer: str | None) -> None:
        """Raises Refused for a code that is over, somebody else's, or for first purchases only."""
        bought = customer and [each for each in self.ledger.all("invoice", customer=customer) if each["amount_paid"]]
        if not promotion["active"]:
            raise Refused("This promotion code is expired.", code="promotion_code_expired", param="promotion_code")
        if promotion["customer"] not in (None, customer):
            raise Refused("This promotion code cannot be redeemed by this customer.", param="promotion_code")
        if promotion["restrictions"]["first_time_transaction"] and bought:
            raise Refused("This promotion code is for a customer's first transaction.", param="promotion_code")

    def redeem(self, promotion: Json, customer: str | None) -> None:
        self.refuse_unusable(promotion, customer)
        with self.ledger.changing(promotion, "promotion_code.updated"):
            promotion["times_redeemed"] += 1
            limit = promotion["max_redemptions"]
            promotion["active"] = not limit or promotion["times_redeemed"] < limit

    def _with_code(self, code: str) -> list[Json]:
        return [each for each in self.ledger.all("promotion_code") if each["code"].lower() == code.lower()]

    def _expire(self, promotion: Json) -> None:
        with self.ledger.changing(promotion, "promotion_code.updated"):
            promotion["active"] = False


class Discounts(Resource):
    """Coupons in use. They have no address of their own: customers, subscriptions and invoices hold them."""

    kind, service = "discount", "discounts"
    generic = ()

    def redeem(self, given: Sequence[Mapping[str, Any]] | str, customer: Json | None, **owner: str) -> list[str]:
        """The ids of new discounts from `[{"coupon": …}, {"promotion_code": …}]`; `{"discount": …}` stays as it is."""
        return [self._one(each, customer, owner) for each in given or () if each]  # type: ignore[arg-type]

    def refuse_unusable(self, given: Sequence[Mapping[str, Any]] | str, customer: Json | None) -> None:
        """Raises Refused for what could not be redeemed, and redeems nothing."""
        for each in given or ():
            if each.get("discount"):  # type: ignore[union-attr]
                continue
            self.api.coupons.refuse_expired(self.coupon_of(each))  # type: ignore[arg-type]
            if code := each.get("promotion_code"):  # type: ignore[union-attr]
                owner = customer["id"] if customer else None
                self.api.promotion_codes.refuse_unusable(self.api.promotion_codes.get(code, "promotion_code"), owner)

    def coupon_of(self, given: Mapping[str, Any]) -> Json:
        """The coupon that `{"coupon": …}`, `{"promotion_code": …}` or `{"discount": …}` leads to."""
        if discount := given.get("discount"):
            return self.api.coupons.terms(self.ledger.get("discount", discount, "discounts")["source"]["coupon"])
        if promotion := given.get("promotion_code"):
            code = self.api.promotion_codes.get(promotion, "promotion_code")
            return self.api.coupons.get(code["promotion"]["coupon"], "coupon")
        return self.api.coupons.get(given.get("coupon", ""), "coupon")

    def terms(self, ids: Iterable[str]) -> list[tuple[str, Json]]:
        """(discount id, coupon) of those that run now."""
        found = [self.ledger.get("discount", id) for id in ids]
        running = [each for each in found if each["end"] is None or each["end"] > self.ledger.at]
        return [(each["id"], self.api.coupons.terms(each["source"]["coupon"])) for each in running]

    def end(self, owner: Json, ids: Iterable[str]) -> None:
        """Take discounts off a subscription."""
        for id in list(ids):
            owner["discounts"].remove(id)
            discount = self.ledger.get("discount", id)
            discount["end"] = min(discount["end"] or self.ledger.at, self.ledger.at)
            self.ledger.emit("customer.discount.deleted", discount)

    def used_once(self, subscription: Json) -> None:
        """Discounts for one invoice are over when it is made."""
        once = [id for id, coupon in self.terms(subscription["discounts"]) if coupon["duration"] == "once"]
        self.end(subscription, once)

    def due(self, thing: Json) -> Iterator[Due]:
        subscription = thing.get("subscription")
        if thing["end"] and subscription and thing["id"] in self.ledger.get("subscription", subscription)["discounts"]:
            yield Due(thing["end"], self._run_out)

    def _run_out(self, discount: Json) -> None:
        subscription = self.ledger.get("subscription", discount["subscription"])
        with self.ledger.changing(subscription, "customer.subscription.updated"):
            self.end(subscription, [discount["id"]])

    def _one(self, given: Mapping[str, Any], customer: Json | None, owner: Mapping[str, str]) -> str:
        either(given, "coupon", "promotion_code", "discount")
        if existing := given.get("discount"):
            id: str = self.ledger.get("discount", existing, "discounts")["id"]
            return id
        coupon = self.coupon_of(given)
        promotion = given.get("promotion_code")
        if promotion:
            code = self.api.promotion_codes.get(promotion, "promotion_code")
            self.api.promotion_codes.redeem(code, customer["id"] if customer else None)
        self.api.coupons.redeem(coupon)
        months = coupon["duration_in_months"]
        discount = objects.discount(
            self.ledger.new_id("di"),
            start=self.ledger.at,
            end=later(self.ledger.at, "month", months) if months else None,
            coupon=coupon["id"],
            promotion_code=promotion or None,
            customer=customer["id"] if customer else None,
            **owner,
        )
        self.ledger.add(discount)
        if "invoice" not in owner and "invoice_item" not in owner:
            self.ledger.emit("customer.discount.created", discount)
        new: str = discount["id"]
        return new

"""Stripe's documented test cards and accounts, and how each behaves (https://docs.stripe.com/testing)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Behaviour:
    """What a bank does with charges of a payment method.

    `decline` is (code, decline code); `declines_when` says whether already when it is attached. `authentication` is
    when the owner has to confirm. `dispute` is the reason of the dispute that follows a charge. `settles_after`
    (seconds) is for what is not decided at once.
    """

    decline: tuple[str, str] | None = None
    declines_when: Literal["attached", "charged"] = "attached"
    authentication: Literal["never", "always", "unless_set_up"] = "never"
    dispute: str | None = None
    inquiry: bool = False
    refund: Literal["succeeds", "fails", "waits"] = "succeeds"
    settles_after: int | None = None


@dataclass(frozen=True)
class TestCard:
    """`name` is the `…` of `pm_card_…` and `tok_…`."""

    __test__ = False
    name: str
    number: str
    behaviour: Behaviour = Behaviour()
    brand: str = "visa"
    country: str = "US"
    funding: str = "credit"

    @property
    def last4(self) -> str:
        return self.number[-4:]

    @property
    def fingerprint(self) -> str:
        """The same for every copy of a card, and nothing of its number."""
        return hashlib.sha256(self.number.encode()).hexdigest()[:16]


FINE = Behaviour()
DECLINED = Behaviour(decline=("card_declined", "insufficient_funds"), declines_when="charged")
"""A card that has worked and does not any more."""
MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "lost_card": "Your card was declined.",
    "stolen_card": "Your card was declined.",
    "fraudulent": "Your card was declined.",
    "card_velocity_exceeded": "Your card was declined for making repeated attempts too frequently or exceeding its"
    " amount limit.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}


def _declined(decline_code: str, code: str = "card_declined") -> Behaviour:
    return Behaviour(decline=(code, decline_code))


_ALWAYS = Behaviour(authentication="always")
_CHARGE_FAILS = Behaviour(decline=("card_declined", "generic_decline"), declines_when="charged")

CARDS = {
    card.name: card
    for card in (
        TestCard("visa", "4242424242424242"),
        TestCard("visa_debit", "4000056655665556", funding="debit"),
        TestCard("mastercard", "5555555555554444", brand="mastercard"),
        TestCard("mastercard_debit", "5200828282828210", brand="mastercard", funding="debit"),
        TestCard("mastercard_prepaid", "5105105105105100", brand="mastercard", funding="prepaid"),
        TestCard("amex", "378282246310005", brand="amex"),
        TestCard("discover", "6011111111111117", brand="discover"),
        TestCard("diners", "3056930009020004", brand="diners"),
        TestCard("jcb", "3566002020360505", brand="jcb", country="JP"),
        TestCard("unionpay", "6200000000000005", brand="unionpay", country="CN"),
        TestCard("us", "4242424242424242"),
        TestCard("ca", "4000001240000000", country="CA"),
        TestCard("gb", "4000008260000000", country="GB"),
        TestCard("de", "4000002760000016", country="DE"),
        TestCard("fr", "4000002500000003", country="FR"),
        TestCard("in", "4000003560000008", country="IN"),
        TestCard("au", "4000000360000006", country="AU"),
        TestCard("jp", "4000003920000003", country="JP"),
        TestCard("chargeDeclined", "4000000000000002", _declined("generic_decline")),
        TestCard("visa_chargeDeclined", "4000000000000002", _declined("generic_decline")),
        TestCard("visa_chargeDeclinedInsufficientFunds", "4000000000009995", _declined("insufficient_funds")),
        TestCard("visa_chargeDeclinedLostCard", "4000000000009987", _declined("lost_card")),
        TestCard("visa_chargeDeclinedStolenCard", "4000000000009979", _declined("stolen_card")),
        TestCard("chargeDeclinedExpiredCard", "4000000000000069", _declined("expired_card", "expired_card")),
        TestCard("chargeDeclinedIncorrectCvc", "4000000000000127", _declined("incorrect_cvc", "incorrect_cvc")),
        TestCard(
            "chargeDeclinedProcessingError", "4000000000000119", _declined("processing_error", "processing_error")
        ),
        TestCard("visa_chargeDeclinedVelocityLimitExceeded", "4000000000006975", _declined("card_velocity_exceeded")),
        TestCard("chargeDeclinedFraudulent", "4100000000000019", _declined("fraudulent")),
        TestCard("chargeCustomerFail", "4000000000000341", _CHARGE_FAILS),
        TestCard("authenticationRequired", "4000002760003184", _ALWAYS, country="DE"),
        TestCard(
            "authenticationRequiredOnSetup", "4000002500003155", Behaviour(authentication="unless_set_up"), country="FR"
        ),
        TestCard("authenticationRequiredSetupForOffSession", "4000003800000446", country="HR"),
        TestCard(
            "authenticationRequiredChargeDeclinedInsufficientFunds",
            "4000008260003178",
            replace(DECLINED, authentication="always"),
            country="GB",
        ),
        TestCard("threeDSecure2Required", "4000000000003220", _ALWAYS),
        TestCard("threeDSecureRequired", "4000000000003063", _ALWAYS),
        TestCard(
            "threeDSecureRequiredChargeDeclined", "4000008400001629", replace(_CHARGE_FAILS, authentication="always")
        ),
        TestCard("threeDSecureOptional", "4000000000003055"),
        TestCard("bypassPending", "4000000000000077"),
        TestCard("createDispute", "4000000000000259", Behaviour(dispute="fraudulent")),
        TestCard("createDisputeProductNotReceived", "4000000000002685", Behaviour(dispute="product_not_received")),
        TestCard("createDisputeInquiry", "4000000000001976", Behaviour(dispute="fraudulent", inquiry=True)),
        TestCard("refundFail", "4000000000005126", Behaviour(refund="fails")),
        TestCard("pendingRefund", "4000000000007726", Behaviour(refund="waits")),
    )
}
BY_NUMBER = {card.number: card for card in reversed(CARDS.values())}

_IBANS_THAT_FAIL = frozenset(
    ("AT861904300235473202", "DE62370400440532013001", "FR8420041010050500013M02607", "IT60X0542811101000000123456")
)
_IBANS_THAT_TAKE_LONG = {"AT321904300235473204": 180, "DE08370400440532013003": 180}


def of_iban(iban: str) -> Behaviour:
    """A bank account is debited after the fact: the payment is processing, then it succeeds or fails."""
    decline = ("payment_intent_payment_attempt_failed", "generic_decline") if iban in _IBANS_THAT_FAIL else None
    return Behaviour(decline=decline, declines_when="charged", settles_after=_IBANS_THAT_TAKE_LONG.get(iban, 5))

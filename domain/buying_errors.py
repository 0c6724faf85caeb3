"""How buying and changing can fail; part of the tree of `errors.py`.

Conflict
├── CommandUnderWay             an earlier request about the same thing is still being finished at the provider
├── PreviewStale                what was previewed is not what would be charged now
├── ChangePending               another change is planned or waits for its payment; details.pending_change
├── CurrencyMismatch            a subscription keeps its currency
├── SubscriptionNotRunning      it is over, or held; details.status
├── PriceNotAtProvider          the vendor has not brought this price to the provider
└── ProviderRefused             the provider says no for a reason of its own; details.provider_code
PaymentRequired
├── PaymentDeclined             details.decline_code; details.pay_url where another card can be tried
└── PaymentActionRequired       the bank wants to see its customer, at details.pay_url
Unavailable
├── ProviderUnavailable         the provider is away; nothing was done
├── OutcomeUnknown              the provider was asked and has not answered; it is being finished
└── BuyingNotSetUp              the vendor has not connected a provider
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from domain.errors import Conflict, Unavailable, UsherError


class CommandUnderWay(Conflict):
    code = "change_in_progress"
    sentence = "An earlier request about this is still being finished at the payment provider; ask again in a moment."

    def __init__(self, command_id: UUID) -> None:
        super().__init__(details={"command_id": str(command_id)}, retry_after=5)


class PreviewStale(Conflict):
    code = "preview_stale"
    sentence = "Something has changed since this preview, so another amount would be charged; ask for a new one."


class ChangePending(Conflict):
    code = "change_pending"
    sentence = "Another change of this subscription is planned or waits for its payment; withdraw it first."


class CurrencyMismatch(Conflict):
    code = "currency_mismatch"

    def __init__(self, *, subscription: str, price: str) -> None:
        super().__init__(
            f"This subscription is paid in {subscription}, and the price is in {price}; buy anew instead.",
            details={"subscription": subscription, "price": price},
        )


class SubscriptionNotRunning(Conflict):
    code = "subscription_not_running"

    def __init__(self, status: str) -> None:
        super().__init__(
            f"The subscription is {status.replace('_', ' ')}; that cannot be done now.", details={"status": status}
        )


class PriceNotAtProvider(Conflict):
    code = "price_not_at_provider"

    def __init__(self, price: str) -> None:
        super().__init__(
            f"Price {price} cannot be bought yet: the vendor has to run `usher stripe sync`.", details={"price": price}
        )


class ProviderRefused(Conflict):
    """`provider_code` is the provider's word for why, as far as it says one."""

    code = "provider_refused"
    sentence = "The payment provider did not accept this; nothing was changed."

    def __init__(self, provider_code: str | None = None) -> None:
        super().__init__(details={"provider_code": provider_code} if provider_code else None)


class PaymentRequired(UsherError):
    code = "payment_required"
    sentence = "This has to be paid first."


_NOT_FOR_CUSTOMERS = frozenset({"lost_card", "stolen_card", "pickup_card", "fraudulent", "merchant_blacklist"})
"""What a bank suspects is not told to whoever holds the card (https://docs.stripe.com/declines/codes)."""
_GENERIC = "generic_decline"
_DECLINES = {
    "insufficient_funds": "There is not enough money on the card.",
    "expired_card": "The card has expired.",
    "incorrect_cvc": "The card's security code is wrong.",
    "invalid_cvc": "The card's security code is wrong.",
    "processing_error": "The bank could not process the card; try again in a while.",
    "card_velocity_exceeded": "The card is over its limit.",
    "currency_not_supported": "The card does not pay in this currency.",
}
_OTHERWISE = "The bank declined the payment."


class PaymentDeclined(PaymentRequired):
    """`pay_url` leads to a page where another card may pay, until `expires_at`; without it nothing was changed."""

    code = "payment_declined"
    sentence = _OTHERWISE

    def __init__(
        self, decline_code: str | None, *, pay_url: str | None = None, expires_at: datetime | None = None
    ) -> None:
        told = decline_code if decline_code and decline_code not in _NOT_FOR_CUSTOMERS else _GENERIC
        then = " Pay with another card at details.pay_url." if pay_url else " Nothing was changed; try another card."
        super().__init__(
            _DECLINES.get(told, _OTHERWISE) + then, details={"decline_code": told, **_where(pay_url, expires_at)}
        )


class PaymentActionRequired(PaymentRequired):
    code = "payment_action_required"
    sentence = "The bank wants its customer to confirm this payment."

    def __init__(self, *, pay_url: str | None = None, expires_at: datetime | None = None) -> None:
        then = " Confirm it at details.pay_url." if pay_url else " Nothing was changed; use the billing portal."
        super().__init__(self.sentence + then, details=_where(pay_url, expires_at))


def _where(pay_url: str | None, expires_at: datetime | None) -> dict[str, Any]:
    given = {"pay_url": pay_url, "expires_at": expires_at.isoformat().replace("+00:00", "Z") if expires_at else None}
    return {name: value for name, value in given.items() if value is not None}


class ProviderUnavailable(Unavailable):
    code = "provider_unavailable"
    sentence = "The payment provider cannot be reached; nothing was done, try again."


class OutcomeUnknown(Unavailable):
    """`is_final`: the provider will say the same again, so only a look at how things stand can tell."""

    is_final = False
    code = "outcome_unknown"
    sentence = (
        "The payment provider has not answered in time, so this may have been done or not; it is being finished."
        " Look at the subscription in a moment instead of trying again."
    )


class BuyingNotSetUp(Unavailable):
    code = "buying_not_set_up"
    sentence = "The vendor has not connected a payment provider, so nothing can be bought or changed here."

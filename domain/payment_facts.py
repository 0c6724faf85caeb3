"""What a payment provider says about money that moves: attempts, what they pay, refunds, disputes.

Amounts are minor units of the currency that stands beside them. Nothing here names a person: of a card its kind only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from domain.provider_facts import DisputeOutcome, ProviderFact, Seen


class Outcome(StrEnum):
    """Of one attempt to collect; it only moves down this list."""

    PENDING = "pending"
    AUTHORIZED = "authorized"  # held at the bank, not taken
    FAILED = "failed"
    SUCCEEDED = "succeeded"

    @property
    def rank(self) -> int:
        return list(Outcome).index(self)


class Progress(StrEnum):
    """How a payment as a whole stands with the provider; the last two are final."""

    OPEN = "open"
    ACTION_REQUIRED = "action_required"  # the customer has to confirm it at the bank
    PROCESSING = "processing"
    CANCELED = "canceled"
    SUCCEEDED = "succeeded"

    @property
    def is_final(self) -> bool:
        return self in (Progress.CANCELED, Progress.SUCCEEDED)


class ApplicationStatus(StrEnum):
    OPEN = "open"
    CANCELED = "canceled"
    PAID = "paid"

    @property
    def rank(self) -> int:
        return list(ApplicationStatus).index(self)


class RefundStatus(StrEnum):
    """A refund that succeeded may still fail: the bank sends it back."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def rank(self) -> int:
        return list(RefundStatus).index(self)

    @property
    def is_live(self) -> bool:
        """Whether the money is the customer's, or on its way there."""
        return self in (RefundStatus.PENDING, RefundStatus.SUCCEEDED)


@dataclass(frozen=True)
class Card:
    """Good to the end of its month. `method` is the provider's id of it, `brand` e.g. visa."""

    method: str
    year: int
    month: int
    brand: str | None = None

    @property
    def expires_at(self) -> datetime:
        """The first moment at which it is charged in vain, in UTC."""
        years, month = divmod(self.month, 12)
        return datetime(self.year + years, month + 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Attempt:
    """`code` and `decline_code` say why it failed, in the provider's codes."""

    outcome: Outcome
    amount: int
    currency: str
    attempted_at: datetime
    seen: Seen
    method: str | None = None  # card, sepa_debit, …
    brand: str | None = None  # of a card
    code: str | None = None
    decline_code: str | None = None


@dataclass(frozen=True)
class Standing:
    """The provider's newest word on a payment as a whole."""

    progress: Progress
    amount: int
    currency: str
    seen: Seen
    reason: str | None = None  # why it was cancelled


@dataclass(frozen=True)
class Application:
    """How much of a payment pays an invoice; `amount_paid` is 0 until it does."""

    status: ApplicationStatus
    amount_requested: int
    amount_paid: int
    currency: str
    seen: Seen
    paid_at: datetime | None = None


@dataclass(frozen=True)
class Refund:
    charge: str
    amount: int
    currency: str
    status: RefundStatus
    created_at: datetime
    seen: Seen
    reason: str | None = None
    failure: str | None = None


@dataclass(frozen=True)
class RefundTotal:
    """The most that a charge was ever said to have been refunded by, and when it first was."""

    amount: int
    refunded_at: datetime


@dataclass(frozen=True)
class Dispute:
    """`stage` is the provider's own word, e.g. under_review."""

    charge: str
    amount: int
    currency: str
    outcome: DisputeOutcome
    stage: str
    disputed_at: datetime
    seen: Seen
    reason: str | None = None
    answer_by: datetime | None = None


@dataclass(frozen=True)
class Funds:
    """Money of a dispute that moved between the vendor and the bank, in the currency of the vendor's account: below
    zero it was withdrawn, above it came back."""

    amount: int
    fee: int
    currency: str
    moved_at: datetime


@dataclass(frozen=True)
class PaymentFact(ProviderFact):
    """About one payment. `names` are the provider's ids that it goes by, the one that lasts first: the payment
    intent, else the charge, else a record of a payment made elsewhere."""

    names: tuple[str, ...]

    @property
    def payment(self) -> str:
        return self.names[0]


@dataclass(frozen=True)
class ChargeReport(PaymentFact):
    """`customer` None: a guest's. `refunded`: how much of it went back in all, as the charge says. `card`: what was
    charged, if it is a card that can be charged again."""

    charge: str
    customer: str | None
    attempt: Attempt
    refunded: RefundTotal | None = None
    card: Card | None = None


@dataclass(frozen=True)
class IntentReport(PaymentFact):
    """`attempt`: one that failed before any charge was made of it."""

    customer: str | None
    standing: Standing
    attempt: Attempt | None = None


@dataclass(frozen=True)
class ApplicationReport(PaymentFact):
    """A payment is meant to pay an invoice, or does: charges and payment intents do not say it themselves."""

    invoice: str
    application: Application


@dataclass(frozen=True)
class RefundReport(PaymentFact):
    refund: str
    of: Refund


@dataclass(frozen=True)
class DisputeReport(PaymentFact):
    dispute: str
    of: Dispute
    funds: tuple[tuple[str, Funds], ...] = ()  # by the provider's id of the movement


@dataclass(frozen=True)
class CardReport(ProviderFact):
    """A customer's card, as it is known to the provider."""

    customer: str
    card: Card

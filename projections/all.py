"""Every read model there is."""

from __future__ import annotations

from projections.audit import AuditIndex
from projections.billing_accounts import BillingAccounts
from projections.consents import ConsentHistory
from projections.deadlines import Deadlines
from projections.invoices import Invoices
from projections.licenses import Licenses
from projections.overages import Overages
from projections.overview import Overview
from projections.payments import Payments
from projections.people import People
from projections.plans import Plans
from projections.provider_commands import ProviderCommands
from projections.provider_events import ProviderEvents
from projections.read_model import ReadModel
from projections.reminders import Reminders
from projections.seats import Seats
from projections.subscriptions import Subscriptions
from projections.usage import Usage

READ_MODELS: tuple[type[ReadModel], ...] = (
    Licenses,
    Seats,
    Subscriptions,
    Invoices,
    Payments,
    Plans,
    People,
    ProviderEvents,
    ProviderCommands,
    BillingAccounts,
    ConsentHistory,
    Deadlines,
    Reminders,
    Overages,
    Overview,
    AuditIndex,
    Usage,
)


def read_models() -> list[ReadModel]:
    """One of each, for a process that follows, rebuilds or verifies."""
    return [read_model() for read_model in READ_MODELS]

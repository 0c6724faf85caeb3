"""One plain English sentence for every kind of event, from nothing but the event itself.

A new event class needs a line here; a test fails without one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from domain import mail_phrases as mails
from domain import phrases as say
from domain.aggregate import Event
from domain.billing_account import BillingAccount
from domain.credit_note import CreditNote
from domain.invoice import Invoice
from domain.mail_address import MailAddress
from domain.mail_resend import MailResend
from domain.meter import Meter
from domain.overage import Overage
from domain.payment import Payment
from domain.plan import Plan
from domain.price_book import PriceBook
from domain.product import Product
from domain.provider_desk import ProviderDesk
from domain.provider_event import ProviderEvent
from domain.quota import Quota
from domain.sentences_of_licenses import LICENCES_AND_SEATS
from domain.sentences_of_organizations import ORGANIZATIONS_AND_KEYS
from domain.sentences_of_people import WAYS_IN
from domain.subscription import Subscription
from domain.tax_rate import TaxRate
from domain.usage_subject import UsageSubject
from domain.vendor import Vendor
from domain.webhook_endpoint import WebhookEndpoint


def sentence_of(event: Event) -> str:
    """What happened, for a person, without a full stop."""
    return SENTENCES[type(event)](event)


SENTENCES: Final[dict[type[Event], Callable[[Any], str]]] = {
    # people
    **WAYS_IN,
    **ORGANIZATIONS_AND_KEYS,
    # catalogue
    Product.Registered: lambda e: (
        f"Product {e.name} ({e.code}) was registered; its keys begin with {e.license_key_prefix}"
    ),
    Product.Renamed: lambda e: f"The product is called {e.name} now",
    Product.PrefixChanged: lambda e: f"New licence keys of the product begin with {e.license_key_prefix}",
    Product.MailsChosen: lambda e: f"Mails that the product's customers are not sent: {say.listed(e.off)}",
    Product.DefaultPlansSet: lambda e: (
        f"Without a purchase organizations have plan {e.free_plan or 'none'} of the product, and subjects that are"
        f" nobody's plan {e.anonymous_plan or 'none'}"
    ),
    Meter.Defined: lambda e: f"Meter {e.code} was defined: {say.measured(e.terms)}",
    Meter.Revised: lambda e: f"The meter is defined anew: {say.measured(e.terms)}",
    Plan.Published: lambda e: f"Plan {e.code} of product {e.product} was published: {say.offer(e.terms)}",
    Plan.VersionPublished: lambda e: f"Version {e.number} of the plan was published: {say.offer(e.terms)}",
    Plan.Withdrawn: lambda _: "The plan was taken off sale; running subscriptions keep it",
    Plan.Returned: lambda _: "The plan is on sale again under the terms it had",
    PriceBook.Opened: lambda _: "The price book was opened",
    PriceBook.Revised: say.revised,
    PriceBook.PricesLinked: lambda e: (
        f"The provider's prices stand for ours: {say.listed(f'{one.reference} for {one.tag.code}' for one in e.links)}"
    ),
    Vendor.Introduced: lambda e: f"Papers name the vendor: {e.identity.name}",
    Vendor.Described: lambda e: f"Papers issued from now on say of the vendor: {e.identity.name}",
    # usage and limits
    Quota.Opened: lambda e: (
        f"Something came up about {e.meter}, limited each {e.per}, in the period from"
        f" {say.when(e.period_start) if e.period_start else 'the beginning'}"
    ),
    Quota.Granted: lambda e: f"The vendor granted {e.amount:,} more for this period{say.because(e.reason)}",
    Quota.Reset: lambda e: f"The vendor set {say.quantity(e.used)} used back to none{say.because(e.reason)}",
    Quota.Warned: lambda e: f"Of {e.limit:,} {say.quantity(e.used)} are used: time for a warning",
    Quota.Reached: lambda e: f"Of {e.limit:,} {say.quantity(e.used)} are used: the limit is reached",
    Overage.Begun: lambda e: (
        f"More {e.meter} are used than the {e.terms.included:,} included in the period until {say.when(e.period_end)};"
        f" each more costs {say.unit_price(e.terms.unit_price, e.terms.currency)}"
    ),
    Overage.TermsChanged: lambda e: (
        f"From now on {e.terms.included:,} are included in the period, each more costs"
        f" {say.unit_price(e.terms.unit_price, e.terms.currency)}"
    ),
    Overage.Settled: lambda e: f"The period is over: {say.used_above(e)}; {say.asked(e.amount, e.currency)}",
    Overage.Closed: lambda e: (
        f"The period is closed for late records: {say.used_above(e)}; {say.asked(e.amount, e.currency)}"
    ),
    UsageSubject.Claimed: lambda e: f"What the subject uses is organization {say.short(e.organization_id)}'s",
    # licences and seats
    **LICENCES_AND_SEATS,
    # subscriptions
    Subscription.Started: say.started,
    Subscription.Entitled: lambda _: "The subscription earned the right to a licence",
    Subscription.PlanChanged: lambda e: f"The subscription moved to {say.bought(e.purchase)}",
    Subscription.QuantityChanged: lambda e: f"The subscription now buys {say.count(e.quantity, 'unit')}",
    Subscription.PeriodLearned: lambda e: (
        f"An older report told of a period: {say.when(e.period_start)} to {say.when(e.period_end)}"
    ),
    Subscription.PeriodBegan: lambda e: f"A period began: {say.when(e.period_start)} to {say.when(e.period_end)}",
    Subscription.TrialSet: lambda e: f"The trial runs {say.until(e.trial_end)}" if e.trial_end else "The trial is off",
    Subscription.CancellationSet: lambda e: (
        f"The subscription is to end on {say.when(e.cancel_at)}" if e.cancel_at else "The cancellation was taken back"
    ),
    Subscription.StatusChanged: say.status_changed,
    Subscription.Reported: lambda e: f"The provider's report {e.seen.event} was taken over",
    Subscription.PaymentFailed: lambda e: (
        f"Payment attempt {e.attempt} of invoice {say.short(e.invoice_id)} failed on {say.when(e.failed_at)}"
    ),
    Subscription.InvoiceSettled: lambda e: (
        f"Invoice {say.short(e.invoice_id)} was "
        + (f"paid on {say.when(e.paid_at)}" if e.paid_at else "settled without a payment")
    ),
    Subscription.PaymentRefunded: lambda e: (
        f"All that was paid on invoice {say.short(e.invoice_id)} went back on {say.when(e.refunded_at)}"
    ),
    Subscription.RefundFailed: lambda e: (
        f"Not all that was paid on invoice {say.short(e.invoice_id)} went back after all"
    ),
    Subscription.PaymentDisputed: say.disputed,
    Subscription.RemindersPlanned: lambda e: mails.reminders(e.reminders),
    Subscription.HeldChangeSet: say.held,
    Subscription.PlannedChangeSet: say.planned,
    Subscription.TrialEnding: lambda e: f"The customer is reminded: the trial ends on {say.when(e.trial_end)}",
    Subscription.RenewalComing: lambda e: f"The customer is reminded: a new period begins on {say.when(e.renews_at)}",
    Subscription.EndComing: lambda e: f"The customer is reminded: the subscription ends on {say.when(e.ends_at)}",
    Subscription.Transferred: lambda e: f"The subscription went over to organization {say.short(e.organization_id)}",
    # invoices
    Invoice.Reported: lambda e: f"{say.invoice(e.issue.number)} was reported as {e.status}: {say.sums(e.figures)}",
    Invoice.Amended: lambda e: f"{say.invoice(e.issue.number)} was amended: {say.sums(e.figures)}",
    Invoice.Confirmed: lambda e: f"Report {e.seen.event} confirmed the invoice as it is",
    Invoice.Finalized: lambda _: "The invoice was sent out and waits for its payment",
    Invoice.Paid: lambda _: "The invoice was paid",
    Invoice.Voided: lambda _: "The invoice was voided; nobody has to pay it",
    Invoice.WrittenOff: lambda _: "The invoice was written off: its payment is not expected any more",
    Invoice.PaymentFailed: say.payment_failed,
    Invoice.Refunded: lambda e: (
        f"Of payment {e.payment}, {say.count(e.refund.amount, 'minor unit')} in all went back"
        f" by {say.when(e.refund.refunded_at)}"
    ),
    Invoice.Itemized: lambda e: f"The invoice has {say.count(len(e.items.lines), 'line')}",
    Invoice.PaymentAdded: lambda e: f"Payment {say.short(e.payment_id)} pays the invoice, or is meant to",
    Invoice.CreditNoteAdded: lambda e: f"Credit note {say.short(e.credit_note_id)} takes something back",
    Invoice.Doubted: say.doubted,
    Invoice.Transferred: lambda e: f"The invoice went over to organization {say.short(e.organization_id)}",
    # who is told
    WebhookEndpoint.Added: lambda e: (
        f"A webhook endpoint of {'the organization' if e.organization_id else 'the vendor'} was added"
        f" for {say.listed(e.types)}"
    ),
    WebhookEndpoint.Redirected: lambda _: "The webhook endpoint has another address",
    WebhookEndpoint.Described: lambda _: "The webhook endpoint's description was changed",
    WebhookEndpoint.Filtered: lambda e: f"The webhook endpoint is told of {say.listed(e.types)} from here on",
    WebhookEndpoint.SecretRotated: lambda e: (
        f"The webhook endpoint has a new secret; the former one signs beside it {say.until(e.former_until)}"
    ),
    WebhookEndpoint.Enabled: lambda e: (
        f"The webhook endpoint was enabled, from position {e.from_position} on"
        if e.from_position
        else "The webhook endpoint was enabled, from here on"
    ),
    WebhookEndpoint.Disabled: lambda e: f"The webhook endpoint was disabled: {say.DISABLED[e.reason]}",
    WebhookEndpoint.ReplayStarted: lambda e: (
        f"A replay of {say.listed(e.types)} from position {e.from_position} to {e.to_position} was asked for"
    ),
    WebhookEndpoint.ReplayStopped: lambda e: f"Replay {say.short(e.replay_id)} was stopped",
    WebhookEndpoint.Removed: lambda _: "The webhook endpoint was removed",
    CreditNote.Reported: lambda e: (
        f"Credit note {e.issue.number} over {say.money(e.figures.total, e.figures.currency)} was reported as {e.status}"
        f" for invoice {say.short(e.invoice_id)}"
    ),
    CreditNote.Amended: lambda e: (
        f"Credit note {e.issue.number} is over {say.money(e.figures.total, e.figures.currency)} now"
    ),
    CreditNote.Confirmed: lambda e: f"Report {e.seen.event} confirmed the credit note as it is",
    CreditNote.Voided: lambda _: "The credit note was voided; it takes nothing back",
    CreditNote.Transferred: lambda e: f"The credit note went over to organization {say.short(e.organization_id)}",
    TaxRate.Reported: lambda e: f"Tax rate {e.provider_id} is {e.terms.name}",
    TaxRate.Reworded: lambda e: f"The tax rate is called {e.terms.name} since {say.when(e.seen_at)}",
    # payments
    Payment.Opened: lambda e: f"Payment {e.provider_id} of {say.provider(e.provider)} became known",
    Payment.Attempted: say.attempted,
    Payment.Stood: lambda e: f"The payment as a whole is {e.standing.progress.replace('_', ' ')}",
    Payment.Applied: say.applied,
    Payment.ChargeRefunded: lambda e: (
        f"Of charge {e.charge}, {say.count(e.total.amount, 'minor unit')} in all went back"
        f" by {say.when(e.total.refunded_at)}"
    ),
    Payment.RefundReported: say.refund,
    Payment.DisputeReported: say.dispute,
    Payment.FundsMoved: say.funds,
    Payment.Transferred: lambda e: f"The payment went over to organization {say.short(e.organization_id)}",
    # what providers are asked to do, and what they report
    ProviderDesk.SetUp: lambda e: f"From here on {say.provider(e.provider)} is asked about {say.short(e.subject)}",
    ProviderDesk.CustomerAsked: lambda e: (
        f"Organization {say.short(e.organization_id)} was to become a customer{say.command(e)}"
    ),
    ProviderDesk.CheckoutAsked: lambda e: (
        f"A page to buy {say.count(e.ask.quantity, 'unit')} of {e.ask.price} was asked for{say.command(e)}"
    ),
    ProviderDesk.PortalAsked: lambda e: (
        f"The billing portal of customer {e.ask.customer} was asked for{say.command(e)}"
    ),
    ProviderDesk.ChangeAsked: lambda e: (
        f"A change to {say.count(e.ask.quantity, 'unit')} of {e.ask.price or 'the same price'} was asked for at once"
        f"{say.command(e)}"
    ),
    ProviderDesk.LaterChangeAsked: lambda e: (
        f"A change to {say.count(e.ask.quantity, 'unit')} of {e.ask.price} was asked for from the next period on"
        f"{say.command(e)}"
    ),
    ProviderDesk.WithdrawalAsked: lambda e: f"The change that was to come was to be withdrawn{say.command(e)}",
    ProviderDesk.CancellationAsked: lambda e: (
        f"A cancellation was asked for{' with the end of the period' if e.ask.at_period_end else ' at once'}"
        f"{say.command(e)}"
    ),
    ProviderDesk.PauseAsked: lambda e: f"A pause was asked for{say.command(e)}",
    ProviderDesk.OverageBillAsked: lambda e: (
        f"A line of {say.money(e.ask.amount, e.ask.currency)} was to come with the next invoice{say.command(e)}"
    ),
    ProviderDesk.ResumptionAsked: lambda e: f"The subscription was to go on{say.command(e)}",
    ProviderDesk.Done: lambda e: f"The provider has done it: {e.reference}{say.command(e)}",
    ProviderDesk.Refused: lambda e: f"It was refused{say.because(e.reason)}{say.command(e)}",
    ProviderDesk.GivenUp: lambda e: f"It was given up{say.because(e.reason)}{say.command(e)}",
    ProviderEvent.Received: lambda e: f"{say.provider(e.provider)} reported {e.type} ({e.event})",
    ProviderEvent.Processed: lambda e: (
        f"The report was processed; it touched {say.count(len(e.consequences), 'object')}"
    ),
    ProviderEvent.Deferred: lambda e: f"The report waits for {e.waiting_for.replace('/', ' ')}, which is not known yet",
    ProviderEvent.Ignored: lambda e: f"Nothing follows from the report{say.because(e.reason)}",
    ProviderEvent.Failed: lambda e: f"Processing the report broke ({e.error}); it is tried again",
    ProviderEvent.Retried: lambda _: "Somebody asked for the report to be processed again",
    BillingAccount.Opened: lambda e: (
        f"Customer {e.customer} of {say.provider(e.provider)} became an account of organization"
        f" {say.short(e.organization_id)}, {say.basis(e.basis)}"
    ),
    BillingAccount.Linked: lambda e: (
        f"The account is organization {say.short(e.organization_id)}'s now, {say.basis(e.basis)}"
    ),
    BillingAccount.SubscriptionAdded: lambda e: (
        f"Subscription {say.short(e.subscription_id)} is paid through this account"
    ),
    BillingAccount.InvoiceAdded: lambda e: f"Invoice {say.short(e.invoice_id)} was drawn on this account",
    BillingAccount.PaymentAdded: lambda e: f"Payment {say.short(e.payment_id)} was made through this account",
    BillingAccount.LanguageLearned: lambda e: f"The customer reads {e.language} best",
    BillingAccount.ContactLearned: lambda e: f"Report {e.seen.event} told how to reach the customer",
    BillingAccount.CardLearned: lambda e: (
        f"{mails.card(e.card)} of the customer is good until {e.card.month}/{e.card.year}"
    ),
    BillingAccount.MethodLearned: lambda e: (
        f"For {e.payer} is charged {e.method or 'what the customer has named for all'}"
    ),
    BillingAccount.CardWorked: lambda e: (
        f"{mails.card(e.card)} of the customer was charged on {say.when(e.charged_at)}"
    ),
    BillingAccount.RemindersPlanned: lambda e: mails.reminders(e.reminders),
    BillingAccount.CardExpiring: lambda e: (
        f"The customer is reminded: the card that pays is good until {say.when(e.expires_at)}"
    ),
    BillingAccount.Deleted: lambda _: "The provider deleted the customer",
    # mails
    MailAddress.Noted: lambda _: "An address for mail became known",
    MailAddress.Suppressed: lambda e: f"Nothing is sent to the address any more{mails.suppressed(e.suppression)}",
    MailAddress.Restored: lambda e: f"Mails are sent to the address again{say.because(e.reason)}",
    MailAddress.RemindersDeclined: lambda _: "The reader of the address wants no reminders",
    MailAddress.RemindersWanted: lambda _: "The reader of the address wants reminders again",
    MailResend.Asked: lambda e: f"Mail {say.short(e.mail_id)} was asked for once more{say.because(e.reason)}",
}

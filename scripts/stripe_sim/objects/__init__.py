"""Builders of complete Stripe objects in the current API version. Times are epoch seconds, amounts minor units."""

from scripts.stripe_sim.objects.catalog import plan, price, product
from scripts.stripe_sim.objects.checkout import checkout_item, checkout_session, customer_details, payment_link
from scripts.stripe_sim.objects.credit_notes import credit_note, credit_note_line
from scripts.stripe_sim.objects.customers import (
    address,
    balance_entry,
    billing_details,
    card_details,
    card_source,
    cash_balance,
    cash_entry,
    customer,
    payment_method,
    sepa_details,
)
from scripts.stripe_sim.objects.discounts import coupon, discount, promotion_code
from scripts.stripe_sim.objects.disputes import balance_transaction, dispute
from scripts.stripe_sim.objects.endpoints import test_clock, webhook_endpoint
from scripts.stripe_sim.objects.events import API_VERSION, event
from scripts.stripe_sim.objects.invoices import invoice, invoice_item, invoice_payment, line
from scripts.stripe_sim.objects.pages import page
from scripts.stripe_sim.objects.payments import charge, declined, payment_intent, refund, setup_intent
from scripts.stripe_sim.objects.portal import portal_configuration, portal_session
from scripts.stripe_sim.objects.schedules import phase, phase_item, subscription_schedule
from scripts.stripe_sim.objects.subscriptions import paused, subscription, subscription_item
from scripts.stripe_sim.objects.taxes import tax_id, tax_rate

__all__ = [
    "API_VERSION",
    "address",
    "balance_entry",
    "balance_transaction",
    "billing_details",
    "card_details",
    "card_source",
    "cash_balance",
    "cash_entry",
    "charge",
    "checkout_item",
    "checkout_session",
    "coupon",
    "credit_note",
    "credit_note_line",
    "customer",
    "customer_details",
    "declined",
    "discount",
    "dispute",
    "event",
    "invoice",
    "invoice_item",
    "invoice_payment",
    "line",
    "page",
    "paused",
    "payment_intent",
    "payment_link",
    "payment_method",
    "phase",
    "phase_item",
    "plan",
    "portal_configuration",
    "portal_session",
    "price",
    "product",
    "promotion_code",
    "refund",
    "sepa_details",
    "setup_intent",
    "subscription",
    "subscription_item",
    "subscription_schedule",
    "tax_id",
    "tax_rate",
    "test_clock",
    "webhook_endpoint",
]

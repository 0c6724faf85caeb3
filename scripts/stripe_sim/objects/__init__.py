"""Builders of complete Stripe objects in the current API version. Times are epoch seconds, amounts minor units."""

from scripts.stripe_sim.objects.catalog import plan, price, product
from scripts.stripe_sim.objects.customers import checkout_session, customer, payment_method
from scripts.stripe_sim.objects.disputes import balance_transaction, dispute
from scripts.stripe_sim.objects.events import API_VERSION, event
from scripts.stripe_sim.objects.invoices import invoice, invoice_payment, line
from scripts.stripe_sim.objects.pages import page
from scripts.stripe_sim.objects.payments import charge, declined, payment_intent, refund
from scripts.stripe_sim.objects.subscriptions import paused, subscription, subscription_item

__all__ = [
    "API_VERSION",
    "balance_transaction",
    "charge",
    "checkout_session",
    "customer",
    "declined",
    "dispute",
    "event",
    "invoice",
    "invoice_payment",
    "line",
    "page",
    "paused",
    "payment_intent",
    "payment_method",
    "plan",
    "price",
    "product",
    "refund",
    "subscription",
    "subscription_item",
]

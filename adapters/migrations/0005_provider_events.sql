-- Raw webhook bodies: personal data, purgeable; written in the transaction of ProviderEvent.Received.
create table provider_payloads (
    provider_event_id uuid primary key,
    body              bytea not null,
    received_at       timestamptz not null
);

-- Which provider objects belong together, learnt from events and look-ups: a charge names no invoice, its payment
-- intent is named by the invoice's payment. kind: charge | payment_intent, and what each one pays.
create table provider_payments (
    provider   text not null,
    payment    text not null,
    invoice    text not null,
    primary key (provider, payment, invoice)
);

-- Raw webhook bodies: personal data, purgeable; written in the transaction of ProviderEvent.Received.
create table provider_payloads (
    provider_event_id uuid primary key,
    body              bytea not null,
    received_at       timestamptz not null
);

-- Which invoice a payment pays: a charge names no invoice, but the invoice's payment names the payment intent and the
-- charge. Written with what taught it (an invoice, an invoice payment, an answer of the provider).
create table provider_payments (
    provider   text not null,
    payment    text not null,
    invoice    text not null,
    primary key (provider, payment, invoice)
);

-- Which deferred events wait for which object, e.g. `subscription/sub_1A…`, so that its arrival wakes them at once.
create table provider_waiting (
    provider          text not null,
    waiting_for       text not null,
    provider_event_id uuid not null,
    primary key (provider, waiting_for, provider_event_id)
);

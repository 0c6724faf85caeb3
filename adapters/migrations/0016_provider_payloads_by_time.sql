-- The sweep asks every few seconds which of the latest webhooks nobody has finished.
create index provider_payloads_by_time on provider_payloads (received_at);

"""Stripe's behaviour, one file a resource: what each operation and the passing of time do to the account."""

"""The `usher` command, the demo, the benchmark and the Stripe stand-in."""

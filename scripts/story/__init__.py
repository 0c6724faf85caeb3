"""The story that `scripts/demo` tells: one licence's life, played over HTTP against the real processes.

Nothing here imports the product but the Stripe stand-in, which makes the signed events. Every sentence that is printed
was checked against the engine's answers first.
"""

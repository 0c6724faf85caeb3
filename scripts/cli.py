"""The `usher` command: what people and programs type (contract §13). Exit codes: 0 done, 1 failed, 2 wrong use."""

from __future__ import annotations

import json
import sys

import typer

from scripts.commands import (
    api_keys,
    catalog,
    doctor,
    events,
    licenses,
    mails,
    processes,
    projections,
    provider_events,
    retention,
    stripe,
    webhooks,
)
from scripts.commands import signing_keys as keys

app = typer.Typer(
    name="usher",
    help="Licensing and billing on an event log: a payment becomes a licence, a client sits on it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for commands in (processes.app, doctor.app, retention.app):
    app.registered_commands += commands.registered_commands
for name, commands in {
    "catalog": catalog.app,
    "license": licenses.app,
    "events": events.app,
    "projections": projections.app,
    "provider-events": provider_events.app,
    "stripe": stripe.app,
    "webhooks": webhooks.app,
    "mails": mails.app,
    "keys": keys.app,
    "api-keys": api_keys.app,
}.items():
    app.add_typer(commands, name=name, no_args_is_help=True)


def main() -> int:
    """Runs the command line; answers the exit code. What is expected to go wrong is one sentence, no traceback."""
    try:
        app(prog_name="usher")
    except SystemExit as end:
        return end.code if end.code in (0, 2) else int(end.code is not None)
    except KeyboardInterrupt:
        return 1
    except BrokenPipeError:  # whoever read us has seen enough
        sys.stderr.close()
        return 0
    except Exception as error:
        return _failed(error)
    return 0


def _failed(error: Exception) -> int:
    from scripts.commands.failures import explained

    failure = explained(error)
    if failure is None:
        raise error
    if "--json" in sys.argv:
        print(json.dumps({"error": failure}, default=str))
    else:
        for line in failure["message"].splitlines():
            print(f"usher: {line}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

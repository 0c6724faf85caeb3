"""The `usher-client` command: log in by a browser, log out, and who is logged in. Tokens are never printed."""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import webbrowser
from collections.abc import Sequence
from typing import Any

from usher_client.account import Account
from usher_client.device_login import Prompt
from usher_client.errors import UsherError
from usher_client.wire import VERSION

DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; answers its exit code."""
    asked = _parser().parse_args(arguments)
    try:
        return int(asked.run(asked))
    except UsherError as refusal:
        print(f"usher-client: {refusal.message}", file=sys.stderr)
        return FAILED
    except ValueError as mistake:
        print(f"usher-client: {mistake}", file=sys.stderr)
        return WRONG_USE
    except KeyboardInterrupt:
        print("\nusher-client: given up; nobody was logged in or out.", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="usher-client", description="Log in to Usher on this machine.")
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(dest="command", required=True, metavar="login | logout | whoami")
    login = commands.add_parser("login", help="log in by a browser")
    login.add_argument("--server", default=os.environ.get("USHER_URL"), help="where Usher is (default: USHER_URL)")
    login.add_argument("--no-browser", action="store_true", help="only show the address and the code")
    login.set_defaults(run=_log_in)
    logout = commands.add_parser("logout", help="end the login of this machine")
    logout.set_defaults(run=_log_out)
    whoami = commands.add_parser("whoami", help="show who is logged in")
    whoami.add_argument("--json", action="store_true", help="as JSON")
    whoami.set_defaults(run=_who_am_i)
    return parser


def _log_in(asked: argparse.Namespace) -> int:
    if not asked.server:
        raise ValueError("say where Usher is: --server https://…, or set USHER_URL")
    account = Account()
    account.log_in(asked.server, lambda prompt: _show(prompt, not asked.no_browser), client=_called())
    print(_named(account.who_am_i()))
    return DONE


def _log_out(_: argparse.Namespace) -> int:
    was_told = Account().log_out()
    print("Logged out." if was_told else "Logged out here; Usher could not be told, there the login ends by itself.")
    return DONE


def _who_am_i(asked: argparse.Namespace) -> int:
    person = Account().who_am_i()
    if asked.json:
        told = ("server", "user_id", "email", "full_name", "organization_id", "role", "company_name")
        print(json.dumps({name: person.get(name) for name in told}))
    else:
        print(_named(person))
    return DONE


def _show(prompt: Prompt, open_browser: bool) -> None:
    """The code is shown in any case: the page asks whether it is the same."""
    print(f"Open     {prompt.address}\nand type {prompt.user_code}\n\nWaiting …", flush=True)
    if open_browser:
        webbrowser.open(prompt.link)


def _called() -> str:
    """What the person sees on the page, and among its sign-ins."""
    host = "".join(char for char in socket.gethostname() if char.isprintable())
    return f"usher-client on {host}"[:64].strip()


def _named(person: dict[str, Any]) -> str:
    company = person.get("company_name")
    place = f" of {company}" if company else ""
    text = f"{person.get('email')}{place}, at {person['server']}"
    return "".join(char for char in text if char.isprintable())


if __name__ == "__main__":
    sys.exit(main())

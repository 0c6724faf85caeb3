"""`python -m scripts.stripe_sim serve` runs the stand-in; `… emit --life dunning --webhook URL --secret whsec_…` posts
the events of a life to a webhook."""

from __future__ import annotations

import argparse
import secrets
import sys
from datetime import UTC, datetime, timedelta
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from scripts.stripe_sim import StripeAccount
from scripts.stripe_sim.lives import LIVES
from scripts.stripe_sim.signing import sign


def main() -> int:
    """Exit code 0 when every event was taken, or the server ended as it was asked to; 1 otherwise."""
    args = _arguments()
    return _serve(args) if args.what == "serve" else _emit(args)


def _serve(args: argparse.Namespace) -> int:
    from scripts.stripe_sim.server import listening, run

    now = datetime.fromisoformat(args.now).astimezone(UTC) if args.now else None
    account = StripeAccount(seed=args.seed or secrets.randbits(32), now=now or datetime.now(UTC))
    if args.webhook:
        account.register_webhook(args.webhook, args.secret)
    with listening(args.port) as one:
        account.api.url = f"http://127.0.0.1:{one.getsockname()[1]}"
        print(f"Stripe stand-in {account.api.url}", flush=True)
        run(account, one, clock=None if now else lambda: datetime.now(UTC), seed=args.seed or 1)
    return 0


def _emit(args: argparse.Namespace) -> int:
    account = StripeAccount(seed=args.seed or 1, now=datetime.now(UTC) - timedelta(days=120))
    account.price(args.price, amount=args.amount, currency=args.currency)
    LIVES[args.life](account, args.price)
    statuses = [_post(args.webhook, *sign(event, args.secret, datetime.now(UTC))) for event in account.events]
    for event, status in zip(account.events, statuses, strict=True):
        print(f"{status}  {event['id']}  {event['type']}")
    return 0 if set(statuses) == {200} else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.stripe_sim", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="what")
    serve = commands.add_parser("serve", help="run the stand-in until SIGINT or SIGTERM")
    serve.add_argument("--port", type=int, default=8001)
    serve.add_argument("--webhook", help="address of a webhook endpoint that is told everything")
    serve.add_argument("--secret", help="its signing secret, whsec_…; made when it is left out")
    serve.add_argument("--now", help="begin at this time, which only `/_sim/clock` moves; else it is the system's")
    serve.add_argument("--seed", type=int, help="the same seed gives the same ids; else they are new at each start")
    emit = commands.add_parser("emit", help="post a life's events")
    emit.add_argument("--life", choices=sorted(LIVES), required=True)
    emit.add_argument("--webhook", required=True, help="address of the webhook endpoint")
    emit.add_argument("--secret", required=True, help="its signing secret, whsec_…")
    emit.add_argument("--price", default="price_coditect_pro_monthly")
    emit.add_argument("--amount", type=int, default=2900, help="per seat and month, in minor units")
    emit.add_argument("--currency", default="usd")
    emit.add_argument("--seed", type=int, help="the same seed gives the same ids; 1 when it is left out")
    return parser.parse_args()


def _post(url: str, body: bytes, signature: str) -> int:
    headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}
    try:
        with urlopen(Request(url, data=body, headers=headers, method="POST"), timeout=30) as answer:
            return int(answer.status)
    except HTTPError as refused:
        refused.close()
        return refused.code
    except URLError as away:
        sys.exit(f"{url} does not answer: {away.reason}")


if __name__ == "__main__":
    sys.exit(main())

"""Post a life to a webhook: `python -m scripts.stripe_sim emit --life dunning --webhook URL --secret whsec_…`."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime, timedelta
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from scripts.stripe_sim.account import StripeAccount
from scripts.stripe_sim.lives import LIVES
from scripts.stripe_sim.signing import sign


def main() -> int:
    """Exit code 0 when every event was taken, 1 otherwise."""
    args = _arguments()
    account = StripeAccount(seed=args.seed, now=datetime.now(UTC) - timedelta(days=120))
    account.price(args.price, amount=args.amount, currency=args.currency)
    LIVES[args.life](account, args.price)
    statuses = [_post(args.webhook, *sign(event, args.secret, datetime.now(UTC))) for event in account.events]
    for event, status in zip(account.events, statuses, strict=True):
        print(f"{status}  {event['id']}  {event['type']}")
    return 0 if set(statuses) == {200} else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.stripe_sim", description=__doc__)
    emit = parser.add_subparsers(required=True, metavar="emit").add_parser("emit", help="post a life's events")
    emit.add_argument("--life", choices=sorted(LIVES), required=True)
    emit.add_argument("--webhook", required=True, help="address of the webhook endpoint")
    emit.add_argument("--secret", required=True, help="its signing secret, whsec_…")
    emit.add_argument("--price", default="price_coditect_pro_monthly")
    emit.add_argument("--amount", type=int, default=2900, help="per seat and month, in minor units")
    emit.add_argument("--currency", default="usd")
    emit.add_argument("--seed", type=int, default=1, help="the same seed gives the same ids")
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

"""The stand-in for Stripe as a part of `usher up` without a Stripe key: its place, its keys, its process."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.settings import Settings
from scripts.apis import CannotStart

if TYPE_CHECKING:
    from adapters.bootstrap import Services

_TRIES = 50
"""Ports that are looked at, from the one after the API's."""


@dataclass(frozen=True)
class StandIn:
    """A listening socket and what has to be known to talk to it. The same for every process of the engine."""

    listening: socket.socket
    secret_key: str
    webhook_secret: str

    @classmethod
    def wanted(cls, settings: Settings) -> bool:
        """Only in the sandbox, and only where nobody has said which Stripe is meant."""
        return settings.sandbox and not settings.stripe_secret_key and not settings.stripe_api_base

    @classmethod
    def make(cls, settings: Settings) -> StandIn:
        """Raises `CannotStart` when no port is free. A webhook secret that is set is the endpoint's."""
        given = settings.stripe_webhook_secrets
        secret = given[0] if given else f"whsec_{secrets.token_urlsafe(24)}"
        return cls(_first_free(settings.port + 1), f"sk_test_{secrets.token_urlsafe(18)}", secret)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def told(self, settings: Settings) -> Settings:
        """The settings of an engine whose Stripe is the stand-in."""
        webhook_secrets = settings.stripe_webhook_secrets or (self.webhook_secret,)
        return replace(
            settings,
            stripe_secret_key=self.secret_key,
            stripe_api_base=self.url,
            stripe_webhook_secrets=webhook_secrets,
        )

    def keep(self, data_dir: Path) -> None:
        """So that other commands on the data directory find it; for its owner's eyes only."""
        path = _place(data_dir)
        path.unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({"url": self.url, "secret_key": self.secret_key, "webhook_secret": self.webhook_secret}, file)

    def forget(self, data_dir: Path) -> None:
        _place(data_dir).unlink(missing_ok=True)
        self.listening.close()


def found_in(settings: Settings) -> Settings:
    """The settings with the Stripe that the running engine of this data directory has, where they name none."""
    if not StandIn.wanted(settings):
        return settings
    with contextlib.suppress(OSError, ValueError, KeyError):
        kept = json.loads(_place(settings.data_dir).read_text())
        return replace(
            settings,
            stripe_secret_key=kept["secret_key"],
            stripe_api_base=kept["url"],
            stripe_webhook_secrets=settings.stripe_webhook_secrets or (kept["webhook_secret"],),
        )
    return settings


def serve(services: Services, listening: socket.socket) -> None:
    """The process: an empty account in the engine's time, which tells the engine everything. Each start has new ids,
    for an engine takes an event of a known id for a repetition."""
    from scripts.stripe_sim import StripeAccount
    from scripts.stripe_sim.server import run

    settings, seed = services.settings, secrets.randbits(32)
    account = StripeAccount(seed=seed, now=services.clock.now())
    account.api.url = str(settings.stripe_api_base)
    account.register_webhook(f"{settings.local_url}/api/v1/webhooks/stripe", settings.stripe_webhook_secrets[0])
    run(account, listening, clock=services.clock.now, seed=seed)


def _place(data_dir: Path) -> Path:
    return data_dir / "stripe-stand-in.json"


def _first_free(port: int) -> socket.socket:
    for candidate in range(port, min(port + _TRIES, 65536)):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", candidate))
        except OSError:
            one.close()
            continue
        one.listen(128)
        one.setblocking(False)
        return one
    raise CannotStart(f"No port from {port} on is free for the stand-in for Stripe: choose another --port.")

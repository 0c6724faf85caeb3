"""The link of a mail that leads its reader to where the subscription is managed, without a log-in: many customers have
only bought, and have no account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from application.store import Store
from domain.errors import NotFound, SignatureInvalid
from domain.subscription import Subscription

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.tokens import Tokens

_LINK_FOR = timedelta(days=35)
"""A renewal is announced a month before."""
_PROVIDER = "stripe"

Portal = Callable[[UUID, UUID, str], str]


class Managing:
    """`portal` None: no provider can be asked for its page, and mails have no such link. Else it opens the page of
    (organization, subscription, where it leads back to)."""

    def __init__(self, store: Store, portal: Portal | None, tokens: Tokens, clock: Clock, *, public_url: str) -> None:
        self._store = store
        self._portal = portal
        self._tokens = tokens
        self._clock = clock
        self._public_url = public_url.rstrip("/")

    def url(self, subscription_id: UUID) -> str | None:
        """What a mail links to."""
        subscription = self._store.find(Subscription, subscription_id)
        if self._portal is None or subscription is None or subscription.provider != _PROVIDER:
            return None
        claims = {"sub": str(subscription_id)}
        token = self._tokens.sign("manage", claims, now=self._clock.now(), lifetime=_LINK_FOR)
        return f"{self._public_url}/billing?token={token}"

    def check(self, token: str) -> Subscription:
        """The subscription that a link is about; `SignatureInvalid`."""
        claims = self._tokens.read("manage", token, now=self._clock.now())
        if claims is None:
            raise SignatureInvalid("This link is incomplete or out of date; the newest mail has a new one.")
        return self._store.fetch(Subscription, UUID(claims["sub"]))

    def open(self, token: str) -> str:
        """The provider's page, for some minutes. `SignatureInvalid`, `NotFound`, `Unavailable`."""
        subscription = self.check(token)
        if self._portal is None:
            raise NotFound("There is no page of the payment provider here.")
        return_url = f"{self._public_url}/billing?token={token}"
        return self._portal(subscription.organization_id, subscription.id, return_url)

"""Tokens with which a customer uses one solution (product): generated, refreshed, looked at, revoked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from domain.documents import features_document
from domain.errors import InvalidRequest, NotAuthenticated, NotFound
from domain.license import License
from domain.token_grant import RevokedReason, TokenGrant

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.signing import SigningKeys
    from adapters.token_grants import Grant, TokenGrants
    from adapters.tokens import Tokens
    from application.rights_book import RightsBook
    from application.store import Store
    from domain.seat_pool import View

LIFETIME = timedelta(minutes=15)
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(hours=1)
REFRESH_FOR = timedelta(days=30)
_REFRESH = "solution-refresh"
Standing = Callable[[UUID], Awaitable["View"]]
"""How a licence stands now: `Validation.standing`."""


class TokenPair(NamedTuple):
    """Both tokens are strings to be sent as they are; `expires_in` is in seconds."""

    grant_id: UUID
    access_token: str
    refresh_token: str
    expires_in: int
    scope: str


class SolutionTokens:
    """An access token is a JWT signed by the published keys, for one product (`aud`) and one organization (`sub`).
    Offline it ends after minutes; whoever asks learns at once that its grant is revoked or its licence does not
    work."""

    def __init__(
        self,
        store: Store,
        grants: TokenGrants,
        rights: RightsBook,
        signing: SigningKeys,
        tokens: Tokens,
        clock: Clock,
        *,
        issuer: str,
    ) -> None:
        self._store = store
        self._grants = grants
        self._rights = rights
        self._signing = signing
        self._tokens = tokens
        self._clock = clock
        self._issuer = issuer

    def generate(
        self,
        organization_id: UUID,
        product: str,
        *,
        license_id: UUID | None = None,
        scopes: tuple[str, ...] = (),
        lifetime: timedelta = LIFETIME,
    ) -> TokenPair:
        """The first pair. Without `license_id` under the oldest working licence of the product. `NotFound` when there
        is none, or it is another's; `LicenseSuspended` and its like when the named one does not work."""
        if not SHORTEST <= lifetime <= LONGEST:
            raise InvalidRequest.field("lifetime", "must be an ISO 8601 duration from PT1M to PT1H")
        now = self._clock.now()
        license = self._license(organization_id, product, license_id)
        license.status(now).require_working()
        grant = TokenGrant.issue(
            id=self._clock.new_id(),
            organization_id=organization_id,
            license_id=license.id,
            product=product,
            scopes=scopes,
            now=now,
        )
        self._store.add(grant, rows=[self._grants.enter(grant, lifetime=lifetime, expires_at=now + REFRESH_FOR)])
        return self._pair(grant.id, license, scopes, lifetime, generation=1)

    def refresh(self, refresh_token: str) -> TokenPair:
        """The next pair, with the licence's present terms; the given token is used up. `NotAuthenticated` when it is
        not good any more; one that was used before ends its grant. While the licence does not work it stays good, and
        `LicenseSuspended` or its like says so."""
        now = self._clock.now()
        claims = self._tokens.read(_REFRESH, refresh_token, now=now)
        if claims is None:
            raise _not_good()
        grant_id, generation = UUID(claims["gid"]), claims["gen"]
        license = self._license_to_refresh(grant_id, generation)
        grant = self._grants.advance(grant_id, generation=generation, expires_at=now + REFRESH_FOR)
        if grant is None or license is None:
            self._end_if_reused(grant_id, generation)
            raise _not_good()
        return self._pair(grant_id, license, tuple(grant.scopes), grant.lifetime, generation=grant.generation)

    def _license_to_refresh(self, grant_id: UUID, generation: int) -> License | None:
        """The licence of a grant, if it works; looked at before the token is used up: whoever is suspended for an hour
        goes on with it then. None when the token is not the one that is good now."""
        grant = self._grants.find(grant_id)
        if grant is None or generation != grant.generation or grant.revoked_at is not None:
            return None
        license = self._store.fetch(License, grant.license_id)
        if not _is_of(license, grant):
            raise _not_good()
        license.status(self._clock.now()).require_working()
        return license

    def revoke(self, token: str) -> None:
        """Ends the grant of an access or a refresh token; what is none changes nothing."""
        grant_id = self.grant_of(token)
        if grant_id is not None:
            with suppress(NotFound):
                self.end(grant_id)

    def grant_of(self, token: str) -> UUID | None:
        """Whose an access or a refresh token is, as its signature proves; None for what is none of ours, or of a
        refresh token that has expired. Asks no database."""
        now = self._clock.now()
        claims = self._signing.read_token(token, now) or self._tokens.read(_REFRESH, token, now=now)
        return UUID(claims["gid"]) if claims is not None else None

    def find(self, grant_id: UUID) -> TokenGrant:
        """`NotFound` when there is none."""
        return self._store.fetch(TokenGrant, grant_id)

    def end(self, grant_id: UUID, reason: RevokedReason = RevokedReason.REVOKED) -> None:
        """Revokes a grant; twice is once."""
        now, row = self._clock.now(), self._grants.revoke(grant_id, self._clock.now())
        self._store.change(TokenGrant, grant_id, lambda grant: grant.revoke(reason=reason, now=now), rows=[row])
        self._grants.changed(grant_id)

    def _license(self, organization_id: UUID, product: str, license_id: UUID | None) -> License:
        if license_id is None:
            sources = self._rights.read(organization_id).rights.sources
            working = (each.license_id for each in sources if each.product == product and each.license_id)
            license_id = next(working, None)
            if license_id is None:
                raise NotFound(f"There is no licence of product {product} that works.")
        license = self._store.fetch(License, license_id)
        if license.organization_id != organization_id or license.terms.product != product:
            raise NotFound.of("license", license_id)
        return license

    def _pair(
        self, grant_id: UUID, license: License, scopes: tuple[str, ...], lifetime: timedelta, *, generation: int
    ) -> TokenPair:
        now, scope = self._clock.now(), " ".join(scopes)
        refresh = {"gid": str(grant_id), "gen": generation}
        return TokenPair(
            grant_id,
            self._signing.sign_token(self._claims(grant_id, license, scope, now, lifetime), now),
            self._tokens.sign(_REFRESH, refresh, now=now, lifetime=REFRESH_FOR),
            int(lifetime.total_seconds()),
            scope,
        )

    def _claims(
        self, grant_id: UUID, license: License, scope: str, now: datetime, lifetime: timedelta
    ) -> dict[str, Any]:
        terms = license.terms
        return {
            "iss": self._issuer,
            "aud": terms.product,
            "sub": str(license.organization_id),
            "jti": str(self._clock.new_id()),
            "gid": str(grant_id),
            "lic": str(license.id),
            "plan": terms.plan,
            "plan_version": terms.plan_version,
            "features": features_document(terms.entitlements.features),
            "scope": scope,
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
        }

    def _end_if_reused(self, grant_id: UUID, generation: int) -> None:
        grant = self._grants.find(grant_id)
        if grant is not None and generation < grant.generation:
            self.end(grant_id, RevokedReason.REUSED)


def _is_of(license: License, grant: Grant) -> bool:
    """A licence that was handed to another organization, or moved to another product, bears this grant no more."""
    return license.organization_id == grant.organization_id and license.terms.product == grant.product


def _not_good() -> NotAuthenticated:
    return NotAuthenticated("This refresh token is not good any more; generate new tokens.")


class Introspection:
    """Is this access token good? (RFC 7662.) For one event loop; asks Redis once, and when warm nothing else."""

    def __init__(self, signing: SigningKeys, grants: TokenGrants, standing: Standing, clock: Clock) -> None:
        self._signing = signing
        self._grants = grants
        self._standing = standing
        self._clock = clock

    async def look(self, token: str, *, organization_id: UUID | None, product: str | None) -> dict[str, Any] | None:
        """What the token says, if it is good at this moment for whoever asks: an organization sees its own, a solution
        those for its product, None sees all. None for every other, whyever: this is no oracle. `Unavailable`."""
        now = self._clock.now()
        claims = self._signing.read_token(token, now)
        if claims is None or claims["exp"] <= now.timestamp():
            return None
        if product not in (None, claims["aud"]) or (organization_id and str(organization_id) != claims["sub"]):
            return None
        if not await self._is_live(UUID(claims["gid"])):
            return None
        view = await self._standing(UUID(claims["lic"]))
        license = json.loads(view.document)["license"]
        is_bound = license["organization_id"] == claims["sub"] and license["product"] == claims["aud"]
        return claims if is_bound and view.refusal is None else None

    async def _is_live(self, grant_id: UUID) -> bool:
        known = self._grants.recall_is_live(grant_id)
        return known if known is not None else await asyncio.to_thread(self._grants.is_live, grant_id)

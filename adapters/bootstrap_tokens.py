"""The part of the composition root that is about tokens for solutions, and how often anybody may call."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from adapters.call_rates import CallRates
from adapters.infrastructure import Infrastructure
from adapters.token_grants import TokenGrants
from application.solution_tokens import Introspection, SolutionTokens

if TYPE_CHECKING:
    from application.rights_book import RightsBook
    from application.store import Store
    from application.validation import Validation


class TokenServices(Infrastructure):
    """Needs the store, the rights and the validation of the whole."""

    if TYPE_CHECKING:
        store: Store
        rights_book: RightsBook
        validation: Validation

    @cached_property
    def token_grants(self) -> TokenGrants:
        return TokenGrants(self.unwalled, self.remembered)

    @cached_property
    def call_rates(self) -> CallRates:
        """For the event loop of this process."""
        return CallRates(self.redis_line, processes=self.settings.api_workers)

    @cached_property
    def solution_tokens(self) -> SolutionTokens:
        issuer = self.settings.public_url
        given = self.store, self.token_grants, self.rights_book, self.signing, self.tokens, self.clock
        return SolutionTokens(*given, issuer=issuer)

    @cached_property
    def introspection(self) -> Introspection:
        """For the event loop of this process."""
        return Introspection(self.signing, self.token_grants, self.validation.standing, self.clock)

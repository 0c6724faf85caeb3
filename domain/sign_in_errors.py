"""Why somebody is not signed in. Those of the device flow have the codes of RFC 8628, section 3.5."""

from __future__ import annotations

from domain.errors import NotAllowed, NotAuthenticated, UsherError


class AuthorizationPending(UsherError):
    code = "authorization_pending"
    sentence = "Nobody has approved this yet; ask again after the interval."


class SlowDown(UsherError):
    code = "slow_down"
    sentence = "You ask too often; wait longer between two questions."

    def __init__(self, interval: int) -> None:
        super().__init__(f"You ask too often; wait {interval} seconds from now on.", details={"interval": interval})


class AccessDenied(UsherError):
    code = "access_denied"
    sentence = "The person has denied this, or may not act for that organization any more."


class ExpiredToken(UsherError):
    code = "expired_token"
    sentence = "This device code is over, used up, or was never given; begin again."


class StepUpRequired(NotAllowed):
    code = "step_up_required"
    sentence = "Prove again who you are (POST /auth/step-up), then do it with the access token that you are given."


class SecondFactorRequired(NotAuthenticated):
    code = "second_factor_required"
    sentence = "Send the code of the authenticator app as well, or a recovery code."


class SecondFactorInvalid(NotAuthenticated):
    code = "second_factor_invalid"
    sentence = "This code is not right, or was used before; wait for the next one."


class ProviderRefused(NotAuthenticated):
    code = "provider_refused"
    sentence = "The provider did not say who you are; begin again."


class SecondFactorDemanded(NotAllowed):
    code = "second_factor_demanded"
    sentence = "This organization wants its members to have a second factor: add one, then switch to it."

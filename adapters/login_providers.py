"""Other providers that say who somebody is: any by OpenID Connect (Google is one), and GitHub by OAuth 2.

The protocol is Authlib's and joserfc's: authorization request, PKCE, keys, signatures, claims. What is sent goes out by
httpx with our own patience, and nothing is followed to another address.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from adapters.settings import Settings
from domain.errors import Unavailable
from domain.sign_in import Attempt, Identity
from domain.sign_in_errors import ProviderRefused

_PATIENCE = httpx.Timeout(10.0)
_LARGEST = 1_000_000
_LEEWAY = 120
"""Seconds by which the provider's clock may be off."""
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "Ed25519", "EdDSA"]
"""Never `none`, and nothing with a shared secret."""
GOOGLE = "https://accounts.google.com"


class LoginProvider(Protocol):
    title: str

    def authorization_url(self, asked: Attempt) -> str:
        """Where the browser is sent. `Unavailable` when the provider cannot be reached."""

    def identify(self, code: str, issuer: str | None, asked: Attempt, now: datetime) -> Identity:
        """Who came back with `code`; `issuer` is what came with it (RFC 9207). `ProviderRefused`, `Unavailable`."""


class OpenIdProvider:
    """One that publishes what it can do at `/.well-known/openid-configuration`."""

    def __init__(self, title: str, issuer: str, client_id: str, client_secret: str) -> None:
        self.title = title
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._client_secret = client_secret
        self._metadata: dict[str, Any] | None = None
        self._keys: KeySet | None = None

    def authorization_url(self, asked: Attempt) -> str:
        return _authorization_url(
            self._known()["authorization_endpoint"], self._client_id, asked, "openid email profile", nonce=asked.nonce
        )

    def identify(self, code: str, issuer: str | None, asked: Attempt, now: datetime) -> Identity:
        known = self._known()
        names_itself = known.get("authorization_response_iss_parameter_supported") is True
        if (issuer is not None or names_itself) and issuer != known["issuer"]:
            raise ProviderRefused("This answer came from another provider than the one that was asked.")
        tokens = _tokens(known["token_endpoint"], self._token_request(code, asked), headers=self._authorization())
        claims = self._claims(tokens, asked, now)
        return Identity(
            issuer=known["issuer"],
            subject=claims["sub"],
            email=_text(claims.get("email")),
            email_verified=claims.get("email_verified") is True,
            name=_text(claims.get("name")),
        )

    def _claims(self, tokens: Mapping[str, Any], asked: Attempt, now: datetime) -> Mapping[str, Any]:
        known = self._known()
        options = {
            "iss": {"essential": True, "value": known["issuer"]},
            "aud": {"essential": True, "value": self._client_id},
        }
        params = {"nonce": asked.nonce, "client_id": self._client_id, "access_token": tokens.get("access_token")}
        try:
            token = self._decoded(str(tokens.get("id_token")))
            claims = CodeIDToken(token.claims, token.header, options, params)
            claims.validate(now=int(now.timestamp()), leeway=_LEEWAY)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise ProviderRefused(f"What the provider said does not hold ({type(error).__name__}).") from error
        if not isinstance(claims.get("sub"), str) or not 0 < len(claims["sub"]) <= 255:
            raise ProviderRefused("The provider did not say who it is.")
        return claims

    def _decoded(self, id_token: str) -> Any:
        """Keys are fetched again when one is named that we do not know: the provider has changed them."""
        registry = JWSRegistry(algorithms=_ALGORITHMS, strict_check_header=False)
        try:
            return jwt.decode(id_token, self._published(), registry=registry)
        except (InvalidKeyIdError, ValueError):
            self._keys = None
            return jwt.decode(id_token, self._published(), registry=registry)

    def _published(self) -> KeySet:
        if self._keys is None:
            self._keys = KeySet.import_key_set(_fetched(self._known()["jwks_uri"]))
        return self._keys

    def _known(self) -> dict[str, Any]:
        if self._metadata is None:
            found = _fetched(f"{self._issuer}/.well-known/openid-configuration")
            needed = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
            if not all(isinstance(found.get(name), str) for name in needed) or found["issuer"] != self._issuer:
                raise ProviderRefused(f"{self.title} describes itself as another provider.")
            self._metadata = found
        return self._metadata

    def _token_request(self, code: str, asked: Attempt) -> dict[str, str]:
        return {"grant_type": "authorization_code", "client_id": self._client_id, **_proof(code, asked)}

    def _authorization(self) -> dict[str, str]:
        """RFC 6749, section 2.3.1."""
        pair = f"{quote(self._client_id, safe='')}:{quote(self._client_secret, safe='')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


class GitHub:
    """GitHub is no OpenID provider: who somebody is says its API, for the token that the code buys."""

    title = "GitHub"

    def __init__(self, url: str, client_id: str, client_secret: str) -> None:
        self._url = url.rstrip("/")
        self._api = "https://api.github.com" if urlsplit(self._url).hostname == "github.com" else f"{self._url}/api/v3"
        self._client_id = client_id
        self._client_secret = client_secret

    def authorization_url(self, asked: Attempt) -> str:
        address = f"{self._url}/login/oauth/authorize"
        return _authorization_url(address, self._client_id, asked, "read:user user:email")

    def identify(self, code: str, issuer: str | None, asked: Attempt, now: datetime) -> Identity:
        request = {"client_id": self._client_id, "client_secret": self._client_secret, **_proof(code, asked)}
        tokens = _tokens(f"{self._url}/login/oauth/access_token", request)
        access = _text(tokens.get("access_token"))
        if access is None:
            raise ProviderRefused()
        headers = {"Authorization": f"Bearer {access}", "Accept": "application/vnd.github+json"}
        user, emails = _fetched(f"{self._api}/user", headers), _fetched(f"{self._api}/user/emails", headers)
        if type(user.get("id")) is not int:
            raise ProviderRefused("GitHub did not say who it is.")
        listed = emails if isinstance(emails, list) else []
        primary = next((each for each in listed if isinstance(each, dict) and each.get("primary") is True), {})
        return Identity(
            issuer=self._url,
            subject=str(user["id"]),
            email=_text(primary.get("email")),
            email_verified=primary.get("verified") is True,
            name=_text(user.get("name")) or _text(user.get("login")),
        )


def providers_of(settings: Settings) -> dict[str, LoginProvider]:
    """By the name that stands in addresses; those that the settings name a client for."""
    found: dict[str, LoginProvider] = {}
    if settings.google_client:
        found["google"] = OpenIdProvider("Google", GOOGLE, *_client(settings.google_client))
    if settings.github_client:
        found["github"] = GitHub(settings.github_url, *_client(settings.github_client))
    if settings.oidc_client and settings.oidc_issuer:
        title = urlsplit(settings.oidc_issuer).hostname or "OpenID"
        found["oidc"] = OpenIdProvider(title, settings.oidc_issuer, *_client(settings.oidc_client))
    return found


def _client(pair: str) -> tuple[str, str]:
    client_id, _, secret = pair.partition(":")
    return client_id, secret


def _authorization_url(address: str, client_id: str, asked: Attempt, scope: str, **more: str) -> str:
    url: str = prepare_grant_uri(
        address,
        client_id=client_id,
        response_type="code",
        redirect_uri=asked.redirect_uri,
        scope=scope,
        state=asked.state,
        code_challenge=create_s256_code_challenge(asked.verifier),
        code_challenge_method="S256",
        **more,
    )
    return url


def _proof(code: str, asked: Attempt) -> dict[str, str]:
    return {"code": code, "redirect_uri": asked.redirect_uri, "code_verifier": asked.verifier}


def _tokens(address: str, request: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Any:
    answer = _sent("POST", address, data=dict(request), headers=headers)
    if not isinstance(answer, dict) or "error" in answer:
        raise ProviderRefused()
    return answer


def _fetched(address: str, headers: Mapping[str, str] | None = None) -> Any:
    return _sent("GET", address, headers=headers)


def _sent(method: str, address: str, *, headers: Mapping[str, str] | None = None, **request: Any) -> Any:
    """The JSON of an answer. `Unavailable` without one, `ProviderRefused` for a refusal."""
    sent = {"Accept": "application/json", "User-Agent": "usher", **(headers or {})}
    try:
        with httpx.Client(timeout=_PATIENCE, follow_redirects=False) as client:
            answer = client.request(method, address, headers=sent, **request)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unavailable("The provider cannot be reached at the moment.", retry_after=10) from error
    if answer.status_code >= 500:
        raise Unavailable("The provider does not work at the moment.", retry_after=10)
    if answer.status_code != 200 or len(answer.content) > _LARGEST:
        raise ProviderRefused()
    try:
        return json.loads(answer.content)
    except ValueError as error:
        raise ProviderRefused("The provider's answer cannot be read.") from error


def _text(value: object) -> str | None:
    return value.strip()[:254] if isinstance(value, str) and value.strip() and value.isprintable() else None

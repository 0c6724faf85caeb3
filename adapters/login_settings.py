"""The settings of signing in by other providers."""

from __future__ import annotations

from typing import Any

from adapters.environment import Environment, Setting

LOGIN_SETTINGS = (
    Setting("GOOGLE_CLIENT", "signing in by Google: id and secret of the OAuth client", "off", "id:secret"),
    Setting("GITHUB_CLIENT", "signing in by GitHub: id and secret of the OAuth app", "off", "id:secret"),
    Setting("GITHUB_URL", "a GitHub Enterprise server", "https://github.com", "https://github.example.com"),
    Setting("OIDC_CLIENT", "signing in by another OpenID provider: id and secret", "off", "id:secret"),
    Setting("OIDC_ISSUER", "that provider, as it names itself", "none", "https://id.example.com"),
)
LOGIN_SECRETS = frozenset({"google_client", "github_client", "oidc_client"})
LOGIN_URLS = frozenset({"github_url", "oidc_issuer"})
_GITHUB = "https://github.com"


def login_fields(given: Environment, *, is_production: bool) -> dict[str, Any]:
    """The fields of `Settings` that are read from these. In production a provider is asked over https only: who can
    answer in its place can be anybody."""
    schemes = ("https",) if is_production else ("https", "http")
    oidc_client, oidc_issuer = given.pair("OIDC_CLIENT"), given.url("OIDC_ISSUER", *schemes)
    if (oidc_client is None) != (oidc_issuer is None):
        given.refuse("OIDC_ISSUER", "and USHER_OIDC_CLIENT go together: set both, or neither")
    return {
        "google_client": given.pair("GOOGLE_CLIENT"),
        "github_client": given.pair("GITHUB_CLIENT"),
        "github_url": given.url("GITHUB_URL", *schemes) or _GITHUB,
        "oidc_client": oidc_client,
        "oidc_issuer": oidc_issuer,
    }

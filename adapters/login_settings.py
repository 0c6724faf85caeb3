"""The settings of signing in by other providers."""

from __future__ import annotations

from adapters.environment import Setting

LOGIN_SETTINGS = (
    Setting("GOOGLE_CLIENT", "signing in by Google: id and secret of the OAuth client", "off", "id:secret"),
    Setting("GITHUB_CLIENT", "signing in by GitHub: id and secret of the OAuth app", "off", "id:secret"),
    Setting("GITHUB_URL", "a GitHub Enterprise server", "https://github.com", "https://github.example.com"),
    Setting("OIDC_CLIENT", "signing in by another OpenID provider: id and secret", "off", "id:secret"),
    Setting("OIDC_ISSUER", "that provider, as it names itself", "none", "https://id.example.com"),
)
LOGIN_SECRETS = frozenset({"google_client", "github_client", "oidc_client"})

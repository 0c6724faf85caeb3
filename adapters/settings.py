"""The settings of one engine: the only place that reads the environment."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Self

from adapters.environment import PREFIX, Environment, Setting, SettingsInvalid, read_dotenv, without_password
from adapters.kept_secret import kept_secret
from adapters.login_settings import LOGIN_SECRETS, LOGIN_SETTINGS, LOGIN_URLS, login_fields
from adapters.redis_address import SCHEMES, ClusterUrl, is_cluster
from domain.retention import periods

__all__ = ["SETTINGS", "Mode", "Setting", "Settings", "SettingsInvalid"]


class Mode(StrEnum):
    """`sandbox` may move the clock and talk to a Stripe stand-in; `production` may do neither."""

    SANDBOX = "sandbox"
    PRODUCTION = "production"


SETTINGS = (
    Setting("DATA_DIR", "home of the embedded servers and of made secrets", ".usher", "/var/lib/usher"),
    Setting("DATABASE_URL", "PostgreSQL, no transaction pooler in front", "embedded", "postgresql://usher@db/usher"),
    Setting("DATABASE_POOL", "connections to PostgreSQL, at most, of each process's pool", "8", "16"),
    Setting("REDIS_URL", "Redis or Valkey, one server or a cluster", "embedded", "redis+cluster://a:6379,b:6379"),
    Setting("BROKER_URL", "where tasks are queued, one Redis server", "REDIS_URL", "redis://queue:6379"),
    Setting("MODE", "sandbox or production", "sandbox when embedded, else production", "production"),
    Setting("HOST", "address the API listens on", "127.0.0.1", "0.0.0.0"),
    Setting("PORT", "port the API listens on", "8000", "8080"),
    Setting(
        "PUBLIC_URL", "how the world reaches the API; used in links", "http://HOST:PORT", "https://usher.example.com"
    ),
    Setting(
        "UPGRADE_URL",
        "where a customer who reached a limit gets more",
        "the price list of the API",
        "https://example.com/pricing",
    ),
    Setting("API_WORKERS", "API processes", "1", "4"),
    Setting(
        "TRUSTED_PROXIES",
        "proxies whose X-Forwarded-For is believed; * trusts all, none nobody",
        "127.0.0.1,::1",
        "10.0.0.0/8",
    ),
    Setting("ADMIN_KEY", "the vendor's first key, 16 characters or more", "made when embedded", "usk_…"),
    Setting(
        "SECRET_KEY",
        "what keys and links are derived from; never change it",
        "made when embedded",
        "openssl rand -hex 32",
    ),
    Setting(
        "STRIPE_SECRET_KEY",
        "Stripe API key, to look up what a webhook depends on",
        "none: nothing is looked up",
        "sk_test_…",
    ),
    Setting(
        "STRIPE_WEBHOOK_SECRET", "secret of the webhook endpoint; two with a comma to rotate", "endpoint off", "whsec_…"
    ),
    Setting("STRIPE_API_BASE", "another server in place of Stripe, sandbox only", "Stripe", "http://127.0.0.1:8001"),
    Setting("SMTP_URL", "outgoing mail", "none: mails are caught and shown", "smtps://user:password@mail:465"),
    Setting("MAIL_FROM", "sender of mails", "Usher <usher@localhost>", "Acme Licences <licences@example.com>"),
    Setting("DELETION_DELAY", "from asking for a deletion until it is done, whole days", "P14D", "P30D"),
    Setting("RETENTION", "how long data is kept, by rule", "docs/data-rights.md", "webhook_bodies=P14D,mail_log=P90D"),
    *LOGIN_SETTINGS,
    Setting("LOG_LEVEL", "debug, info, warning or error", "info", "warning"),
    Setting("LOG_FORMAT", "console or json", "console in sandbox, else json", "json"),
)
SECRETS = frozenset({"admin_key", "secret_key", "stripe_secret_key", "stripe_webhook_secrets"}) | LOGIN_SECRETS
URLS = frozenset({"database_url", "redis_url", "broker_url", "public_url", "stripe_api_base", "smtp_url"}) | LOGIN_URLS


@dataclass(frozen=True, repr=False)
class Settings:
    """Everything an engine is told from outside. `database_url` and `redis_url` are None while the embedded server is
    meant and not started; `with_servers` fills them. None elsewhere: not set, the feature is off."""

    data_dir: Path
    mode: Mode
    admin_key: str
    secret_key: str
    database_url: str | None = None
    database_pool: int = 8
    redis_url: str | None = None
    broker_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = "http://127.0.0.1:8000"
    upgrade_url: str | None = None
    api_workers: int = 1
    trusted_proxies: str = "127.0.0.1,::1"
    stripe_secret_key: str | None = None
    stripe_webhook_secrets: tuple[str, ...] = ()
    stripe_api_base: str | None = None
    smtp_url: str | None = None
    mail_from: str = "Usher <usher@localhost>"
    deletion_delay: str = "P14D"
    retention: str = ""
    google_client: str | None = None
    github_client: str | None = None
    github_url: str = "https://github.com"
    oidc_client: str | None = None
    oidc_issuer: str | None = None
    log_level: str = "info"
    log_format: str = "console"
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, dotenv: Path | None = Path(".env")) -> Settings:
        """Read the environment over the `.env` file; an empty value counts as not set. On the embedded default a
        missing secret is made once and kept in the data directory. Raises SettingsInvalid with every problem."""
        given = Environment({**read_dotenv(dotenv), **(os.environ if environ is None else environ)})
        settings = _settings_of(given)
        if given.problems:
            raise SettingsInvalid(given.problems)
        return settings._with_made_secrets()

    @property
    def sandbox(self) -> bool:
        return self.mode is Mode.SANDBOX

    @property
    def retention_periods(self) -> dict[str, timedelta]:
        return periods(self.retention)

    @property
    def stripe_live(self) -> bool:
        """Whether Stripe's live mode counts: as the key says, without one as our own mode does."""
        if self.stripe_secret_key is None:
            return not self.sandbox
        return not self.stripe_secret_key.startswith(("sk_test_", "rk_test_"))

    @property
    def local_url(self) -> str:
        """How this machine reaches the API, whatever the world's way is."""
        return _local_url(self.host, self.port)

    def with_servers(self, *, database_url: str | None = None, redis_url: str | None = None) -> Self:
        """The same with the addresses of started servers; the broker is the same Redis unless it was set."""
        redis_url = redis_url or self.redis_url
        return replace(
            self,
            database_url=database_url or self.database_url,
            redis_url=redis_url,
            broker_url=self.broker_url or redis_url,
        )

    def as_environment(self) -> dict[str, str]:
        """What a child process needs to read the very same settings, secrets included, whatever its `.env` says."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "warnings"}
        values["stripe_webhook_secret"] = ",".join(values.pop("stripe_webhook_secrets"))
        return {PREFIX + name.upper(): "" if value is None else str(value) for name, value in values.items()}

    def shown(self) -> dict[str, str]:
        """Every field as a person may see it: no secret and no password of a URL."""
        return {field.name: _shown(field.name, getattr(self, field.name)) for field in fields(self)}

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value}' for name, value in self.shown().items())})"

    def _with_made_secrets(self) -> Self:
        return replace(
            self,
            secret_key=self.secret_key or kept_secret(self.data_dir / "secret_key", secrets.token_hex(32)),
            admin_key=self.admin_key or kept_secret(self.data_dir / "admin_key", f"usk_{secrets.token_urlsafe(32)}"),
        )


def _settings_of(given: Environment) -> Settings:
    """What was given and the defaults; problems and warnings are collected in `given`."""
    mode = Mode(given.choice("MODE", tuple(Mode), Mode.PRODUCTION if "DATABASE_URL" in given else Mode.SANDBOX))
    redis_url = _redis_url(given)
    host, port = given.text("HOST", "127.0.0.1"), given.number("PORT", 8000, 65535)
    settings = Settings(
        data_dir=Path(given.text("DATA_DIR", ".usher")).expanduser().resolve(),
        mode=mode,
        admin_key=_secret(given, "ADMIN_KEY", mode, 16),
        secret_key=_secret(given, "SECRET_KEY", mode, 32),
        database_url=given.url("DATABASE_URL", "postgresql", "postgres"),
        database_pool=given.number("DATABASE_POOL", 8, 1000),
        redis_url=redis_url,
        broker_url=_broker_url(given, redis_url),
        host=host,
        port=port,
        public_url=(given.url("PUBLIC_URL", "http", "https") or _local_url(host, port)).rstrip("/"),
        upgrade_url=given.url("UPGRADE_URL", "http", "https"),
        api_workers=given.number("API_WORKERS", 1, 256),
        trusted_proxies=given.networks("TRUSTED_PROXIES", "127.0.0.1,::1"),
        stripe_secret_key=_stripe_secret_key(given, mode),
        stripe_webhook_secrets=_stripe_webhook_secrets(given),
        stripe_api_base=_stripe_api_base(given, mode),
        smtp_url=given.url("SMTP_URL", "smtp", "smtps"),
        mail_from=given.text("MAIL_FROM", "Usher <usher@localhost>"),
        deletion_delay=given.days("DELETION_DELAY", "P14D"),
        retention=given.checked("RETENTION", periods),
        **login_fields(given, is_production=mode is Mode.PRODUCTION),
        log_level=given.choice("LOG_LEVEL", ("debug", "info", "warning", "error"), "info"),
        log_format=given.choice("LOG_FORMAT", ("console", "json"), "console" if mode is Mode.SANDBOX else "json"),
    )
    _warn(given, mode)
    return replace(settings, warnings=tuple(given.warnings))


def _secret(given: Environment, name: str, mode: Mode, shortest: int) -> str:
    value = given.text(name, "")
    advice = f"give it {shortest} or more random characters, for example from `openssl rand -hex 32`"
    if not value and "DATABASE_URL" in given:
        given.refuse(name, f"is not set: {advice}")
    if value and mode is Mode.PRODUCTION and len(value) < shortest:
        given.refuse(name, f"is too short for production: {advice}")
    return value


def _redis_url(given: Environment) -> str | None:
    url = given.url("REDIS_URL", *SCHEMES)
    if url is None or not is_cluster(url):
        return url
    try:
        ClusterUrl(url)
    except ValueError as error:
        given.refuse("REDIS_URL", f"is not redis+cluster://host:port,host:port with some nodes of a cluster: {error}")
    return url


def _broker_url(given: Environment, redis_url: str | None) -> str | None:
    """Dramatiq's broker needs one server: its keys are in many slots."""
    url = given.url("BROKER_URL", "redis", "rediss", "unix")
    if url is None and redis_url is not None and is_cluster(redis_url) and "BROKER_URL" not in given:
        given.refuse("BROKER_URL", "is not set: tasks cannot be queued in a cluster, name one Redis server for them")
    return url or redis_url


def _stripe_secret_key(given: Environment, mode: Mode) -> str | None:
    name = "STRIPE_SECRET_KEY"
    key = given.get(name)
    if key is not None and not key.startswith(("sk_", "rk_")):
        given.refuse(name, "is not a secret key: use the one that starts with sk_ or rk_")
    if key is not None and mode is Mode.SANDBOX and key.startswith(("sk_live_", "rk_live_")):
        given.refuse(name, "is a live key in sandbox mode: use a test key, or set USHER_MODE=production")
    if key is not None and mode is Mode.PRODUCTION and key.startswith(("sk_test_", "rk_test_")):
        given.warn(name, "is a test key in production mode: no real money moves")
    return key


def _stripe_webhook_secrets(given: Environment) -> tuple[str, ...]:
    parts = (part.strip() for part in given.text("STRIPE_WEBHOOK_SECRET", "").split(","))
    found = tuple(part for part in parts if part)
    if len(found) > 2:
        given.refuse("STRIPE_WEBHOOK_SECRET", "names more than two secrets: keep the current and the former one")
    return found


def _stripe_api_base(given: Environment, mode: Mode) -> str | None:
    base = given.url("STRIPE_API_BASE", "http", "https")
    if base is not None and mode is Mode.PRODUCTION:
        given.refuse("STRIPE_API_BASE", "is for sandbox mode only: remove it, production talks to Stripe itself")
    return base


def _warn(given: Environment, mode: Mode) -> None:
    given.warn_of_unknown(setting.name for setting in SETTINGS)
    if "SMTP_URL" in given and "MAIL_FROM" not in given:
        given.warn("MAIL_FROM", "is not set: mail servers refuse usher@localhost as a sender")
    missing = {} if mode is Mode.SANDBOX else {name: effect for name, effect in _TO_SELL.items() if name not in given}
    for name, effect in missing.items():
        given.warn(name, f"is not set: {effect}")


_TO_SELL = {
    "PUBLIC_URL": "links in mails lead to this machine",
    "SMTP_URL": "mails are caught here and reach nobody",
    "STRIPE_SECRET_KEY": "nothing can be bought",
    "STRIPE_WEBHOOK_SECRET": "no payment is heard of, the endpoint is off",
}


def _local_url(host: str, port: int) -> str:
    """Where a browser on this machine finds the API: a wildcard address is no address to go to."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _shown(name: str, value: object) -> str:
    if value is None or value == ():
        return "not set"
    if name in SECRETS:
        return "set, hidden"
    return without_password(str(value)) if name in URLS else str(value)

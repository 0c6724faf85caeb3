"""`usher doctor`: every setting with its meaning, every part with its state, and for what is wrong what to do."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import typer

from scripts.commands import stripe_checks
from scripts.commands.check import Wrong
from scripts.commands.engine import Data, Json, NoEngine, connected, settings_of
from scripts.commands.output import answer

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from adapters.settings import Settings

app = typer.Typer()


class Check(NamedTuple):
    name: str
    ok: bool
    detail: str
    fix: str | None = None


@app.command()
def doctor(data: Data = None, as_json: Json = False) -> None:
    """Look at everything: settings, connections, schema, followers, processes. Exit code 1 when something is wrong."""
    settings = settings_of(data)
    checks = list(_checks(settings))
    found = {"ok": all(check.ok for check in checks), "settings": _settings(settings), "warnings": settings.warnings}
    answer(found | {"checks": [check._asdict() for check in checks]}, as_json, _show)
    raise typer.Exit(int(not found["ok"]))


def _settings(settings: Settings) -> list[dict[str, str]]:
    from adapters.settings import SETTINGS

    shown = settings.shown()
    shown["stripe_webhook_secret"] = shown["stripe_webhook_secrets"]
    return [
        {
            "setting": f"USHER_{each.name}",
            "value": shown[each.name.lower()],
            "meaning": each.meaning,
            "default": each.default,
            "example": each.example,
        }
        for each in SETTINGS
    ]


def _checks(settings: Settings) -> Iterator[Check]:
    """In the order in which they depend on each other; what cannot be asked is left out."""
    from adapters import logs
    from adapters.bootstrap import build

    logs.configure(level="error", format="console", process="doctor")
    try:
        settings = connected(settings)
    except NoEngine as error:
        yield Check("engine", False, f"none runs in {settings.data_dir}", str(error).partition(": ")[2])
        return
    yield _check("postgres", lambda: _postgres(settings))
    yield _check("redis", lambda: _redis(settings.redis_url, "REDIS_URL"))
    if settings.broker_url != settings.redis_url:
        yield _check("broker", lambda: _broker(settings.broker_url or ""))
    if settings.smtp_url:
        yield _check("mail server", lambda: _reaches(settings.smtp_url or "", "SMTP_URL"))
    schema = _check("schema", lambda: _schema(settings))
    yield schema
    if not schema.ok:
        return
    services = build(settings)
    try:
        yield _check("tenant wall", lambda: _tenant_wall(services))
        yield _check("signing key", lambda: _signing_key(services))
        yield _check("followers", lambda: _followers(services))
        yield _check("processes", lambda: _processes(services))
        yield _check("webhooks", lambda: _webhooks(services))
        if services.stripe_account is not None:
            yield from _stripe(services)
        yield _check("papers", lambda: _papers(services))
        yield _check("api", lambda: _api(settings))
    finally:
        services.close()


def _stripe(services: Services) -> Iterator[Check]:
    key = _check("stripe key", lambda: stripe_checks.key(services))
    yield key
    if key.ok:
        yield _check("stripe webhooks", lambda: stripe_checks.endpoint(services))
        yield _check("stripe prices", lambda: stripe_checks.prices(services))


def _check(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except Wrong as wrong:
        return Check(name, False, wrong.what, wrong.fix)
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        return Check(name, False, said[:200], "see `usher up`'s output, or its logs in the data directory")


def _postgres(settings: Settings) -> str:
    import psycopg

    from adapters.database import address

    try:
        with psycopg.connect(address(settings.database_url or "")) as connection:
            return f"PostgreSQL {connection.info.server_version // 10000} answers"
    except psycopg.OperationalError as error:
        said = " ".join(str(error).split())
        raise Wrong(said[:200], "start PostgreSQL, or correct USHER_DATABASE_URL") from None


def _redis(url: str | None, setting: str) -> str:
    from adapters.redis_client import AWAY, client_of

    try:
        with contextlib.closing(client_of(url or "", timeout=3)) as client:
            client.ping()
            about = client.info("server")
            return f"{about.get('server_name', 'redis')} {about.get('valkey_version', about['redis_version'])} answers"
    except AWAY as error:
        raise Wrong(" ".join(str(error).split())[:200], f"start it, or correct USHER_{setting}") from None


def _broker(url: str) -> str:
    return _reaches(url, "BROKER_URL") if url.startswith("amqp") else _redis(url, "BROKER_URL")


def _reaches(url: str, setting: str) -> str:
    parts = urlsplit(url)
    port = parts.port or {"smtp": 25, "smtps": 465, "amqp": 5672, "amqps": 5671}[parts.scheme]
    try:
        socket.create_connection((parts.hostname or "", port), timeout=3).close()
    except OSError as error:
        raise Wrong(f"{parts.hostname}:{port}: {error.strerror or error}", f"correct USHER_{setting}") from None
    return f"{parts.hostname}:{port} answers"


def _schema(settings: Settings) -> str:
    from adapters.database import address
    from adapters.migrate import SchemaTooNew
    from scripts.processes import NotMigrated, check_schema

    try:
        check_schema(address(settings.database_url or ""))
    except NotMigrated as error:
        raise Wrong(str(error).partition(":")[0], "run `usher migrate`") from None
    except SchemaTooNew as error:
        raise Wrong(str(error), "start the newer Usher, or go back to a backup of before") from None
    return "of this version"


def _tenant_wall(services: Services) -> str:
    from adapters.wall_check import Gap, look_at

    try:
        return f"stands around {look_at(services.unwalled)} tables"
    except Gap as gap:
        raise Wrong(gap.what, gap.fix) from None


def _signing_key(services: Services) -> str:
    active = [key.kid for key in services.signing.list(services.clock.now()) if key.status == "active"]
    if not active:
        raise Wrong("none signs", "run `usher migrate`")
    return f"{', '.join(active)} signs"


def _followers(services: Services) -> str:
    from scripts.commands.projections import standing

    wrong = [f"{row['name']} {row['state']}" for row in standing(services) if row["state"] != "ok"]
    if wrong:
        raise Wrong("; ".join(wrong), "see `usher projections status`; mend the cause, it goes on by itself")
    return "all at work"


def _processes(services: Services) -> str:
    from api.health import PROCESSES

    alive = services.process_beats.alive()
    if missing := [kind for kind in PROCESSES if kind not in alive]:
        raise Wrong(
            f"no sign of life of {', '.join(missing)}", f"start `usher {missing[0]}` (or everything: `usher up`)"
        )
    return ", ".join(f"{alive[kind]} {kind}" for kind in PROCESSES)


def _webhooks(services: Services) -> str:
    found = services.database.fetch_one("select count(*) as n from provider_events where status = 'failed'")
    if failed := found["n"] if found else 0:
        raise Wrong(f"{failed} failed", "see `usher provider-events list --status failed`")
    return "none failed"


def _papers(services: Services) -> str:
    """Who the invoices say sells: not a fault while it is missing, since the provider's own paper names the vendor."""
    vendor = services.catalog.show().get("vendor")
    if vendor is None:
        return "invoices name no vendor; put `vendor:` with name, address and tax_ids into the catalogue file"
    return f"invoices are printed in the name of {', '.join([vendor['name'], *vendor['address'][-1:]])}"


def _api(settings: Settings) -> str:
    from scripts.supervisor import what_is_wrong

    if wrong := what_is_wrong(settings):
        raise Wrong(wrong, f"start `usher api`, or correct USHER_HOST and USHER_PORT ({settings.local_url})")
    return f"{settings.local_url} is ready"


def _show(found: dict[str, Any]) -> None:
    for each in found["settings"]:
        print(f"{each['setting']} = {each['value']}")
        print(f"    {each['meaning']}; default: {each['default']}; for example: {each['example']}")
    print()
    for warning in found["warnings"]:
        print(f"note   {warning}")
    for check in found["checks"]:
        print(f"{'ok' if check['ok'] else 'WRONG':<6} {check['name']}: {check['detail']}")
        if check["fix"]:
            print(f"       {check['fix']}")

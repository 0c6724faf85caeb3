"""What `usher doctor` looks at in the Stripe account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scripts.commands.check import Wrong

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from adapters.settings import Settings

_DEVELOPERS = "dashboard.stripe.com/workbench/webhooks"
_ADDRESS = "/api/v1/webhooks/stripe"


def key(services: Services) -> str:
    """Whether Stripe takes it, in our version of the API."""
    from adapters.stripe_client import API_VERSION
    from domain.buying_errors import BuyingNotSetUp, ProviderUnavailable

    stripe = services.stripe_account
    assert stripe is not None
    try:
        stripe.read(lambda: stripe.v1.prices.list({"limit": 1}))
    except BuyingNotSetUp:
        raise Wrong("Stripe does not accept it", "correct USHER_STRIPE_SECRET_KEY") from None
    except ProviderUnavailable as away:
        raise Wrong(str(away), "look at status.stripe.com, or correct USHER_STRIPE_API_BASE") from None
    except LookupError as error:
        raise Wrong(f"Stripe answers {error}", f"this Usher needs API version {API_VERSION}") from None
    mode = "live" if services.settings.stripe_live else "test"
    return f"Stripe accepts it, in {mode} mode, API version {API_VERSION}"


def endpoint(services: Services) -> str:
    """Whether Stripe tells us everything, in our version."""
    found = [each for each in _endpoints(services) if _is_ours(each, services.settings)]
    if not found:
        raise Wrong(
            f"no webhook endpoint at {services.settings.public_url}{_ADDRESS}",
            f"add one, or set USHER_PUBLIC_URL: {_DEVELOPERS}",
        )
    problems = [problem for each in found if (problem := _problem(each))]
    if len(problems) == len(found):
        raise problems[0]
    return f"{found[0]['url']} is told everything that we follow"


def prices(services: Services) -> str:
    """Whether all that is on sale can be bought."""
    from application.price_sync import Kind

    assert services.price_sync is not None
    steps = [step for step in services.price_sync.run(dry_run=True) if step.kind is not Kind.KEPT]
    if steps:
        raise Wrong(
            f"not at Stripe as they are here: {', '.join(str(step.price) for step in steps)}", "run `usher stripe sync`"
        )
    return "all prices on sale are at Stripe"


def _endpoints(services: Services) -> list[dict[str, Any]]:
    from adapters.stripe_client import plain

    stripe = services.stripe_account
    assert stripe is not None
    found: list[dict[str, Any]] = plain(stripe.read(lambda: stripe.v1.webhook_endpoints.list({"limit": 100})))["data"]
    return found


def _is_ours(endpoint: dict[str, Any], settings: Settings) -> bool:
    """By its path, where several Ushers share an account by their host: a stand-in tells the local address."""
    parts = urlsplit(endpoint["url"])
    hosts = {urlsplit(url).netloc for url in (settings.public_url, settings.local_url)}
    return parts.path == _ADDRESS and parts.netloc in hosts


def _problem(endpoint: dict[str, Any]) -> Wrong | None:
    from adapters.stripe_client import API_VERSION
    from adapters.stripe_events import types_that_concern_us

    if endpoint["status"] != "enabled":
        return Wrong(f"{endpoint['url']} is {endpoint['status']}", f"enable it: {_DEVELOPERS}")
    events = set(endpoint["enabled_events"])
    if missing := sorted(types_that_concern_us() - events if "*" not in events else ()):
        return Wrong(f"{endpoint['url']} is not told of {', '.join(missing)}", f"add these events: {_DEVELOPERS}")
    if (version := endpoint.get("api_version")) != API_VERSION:
        return Wrong(f"{endpoint['url']} has API version {version or 'of the account'}", f"make one with {API_VERSION}")
    return None

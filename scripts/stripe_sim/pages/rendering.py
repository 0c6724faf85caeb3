"""Templates, and what all pages show alike: money, times, cards to choose from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from scripts.stripe_sim.errors import NotThere, Refused
from scripts.stripe_sim.forms import Tree, tree_of
from scripts.stripe_sim.money import shown

HERE = Path(__file__).parent
STYLE = (HERE / "style.css").read_text()
CHOICES = (
    ("visa", "4242 4242 4242 4242", "works"),
    ("mastercard", "5555 5555 5555 4444", "works"),
    ("authenticationRequired", "4000 0027 6000 3184", "the bank asks its owner each time"),
    ("authenticationRequiredOnSetup", "4000 0025 0000 3155", "the bank asks once"),
    ("chargeCustomerFail", "4000 0000 0000 0341", "can be saved, is declined when charged"),
    ("chargeDeclined", "4000 0000 0000 0002", "declined"),
    ("visa_chargeDeclinedInsufficientFunds", "4000 0000 0000 9995", "declined: insufficient funds"),
    ("chargeDeclinedExpiredCard", "4000 0000 0000 0069", "declined: expired"),
    ("createDispute", "4000 0000 0000 0259", "works, then the payment is disputed"),
    ("refundFail", "4000 0000 0000 5126", "works, its refunds fail"),
)
"""(name, number, what happens) of the cards that pages offer; any other test card can be typed in."""
_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"
Act = Callable[[Request], Awaitable[Response]]

_templates = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
_templates.filters["money"] = shown
_templates.filters["day"] = lambda epoch: f"{datetime.fromtimestamp(epoch, UTC):%-d %b %Y}"
_templates.filters["moment"] = lambda epoch: f"{datetime.fromtimestamp(epoch, UTC):%-d %b %Y, %H:%M} UTC"
_templates.globals["cards"] = CHOICES


def page(name: str, status: int = 200, **context: Any) -> HTMLResponse:
    return HTMLResponse(
        _templates.get_template(f"{name}.html.j2").render(context), status, {"Content-Security-Policy": _POLICY}
    )


def to(url: str) -> RedirectResponse:
    """After a form the browser goes on with a GET."""
    return RedirectResponse(url, 303)


async def form(request: Request) -> Tree:
    return tree_of((await request.body()).decode())


def told(act: Act) -> Act:
    """What is not there, or does not fit, is said on a page."""

    async def answer(request: Request) -> Response:
        try:
            return await act(request)
        except NotThere as missing:
            return page("message", 404, title="Not there", text=str(missing))
        except (Refused, ValueError) as wrong:
            return page("message", 400, title="This does not work", text=str(wrong))

    return answer

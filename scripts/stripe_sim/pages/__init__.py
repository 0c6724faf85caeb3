"""The pages that people see: checkout, the bank's question, an invoice, the portal, and what is in the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scripts.stripe_sim.pages.checkout import CheckoutPage
from scripts.stripe_sim.pages.overview import Overview
from scripts.stripe_sim.pages.paying import PayingPages
from scripts.stripe_sim.pages.portal import PortalPage
from scripts.stripe_sim.pages.rendering import STYLE

if TYPE_CHECKING:
    from scripts.stripe_sim.account import Account
    from scripts.stripe_sim.faults import Faults


class Pages:
    """No script and no session: every button is a form."""

    def __init__(self, account: Account, faults: Faults) -> None:
        pages = (CheckoutPage(account), PayingPages(account), PortalPage(account), Overview(account, faults))
        self.routes = [route for page in pages for route in page.routes]
        self.routes.append(Route("/style.css", _style))


async def _style(request: Request) -> Response:
    return Response(STYLE, media_type="text/css")

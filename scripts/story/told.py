"""What the chapters share: the engine, its door, the page, and whom the story is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from scripts.story.desktops import Desktop
from scripts.story.door import Door, Json
from scripts.story.engine import Engine
from scripts.story.page import Page
from scripts.story.payments import Payments

NAME = "Mira Novak"
COMPANY = "Northwind Studio"
EMAIL = "mira@northwind-studio.com"
PASSWORD = "seven small boats at dawn"
SEATS = 10


@dataclass
class Story:
    """Filled in as the story goes; `desktops` are thirty, ten of which sit."""

    engine: Engine
    door: Door
    page: Page
    payments: Payments
    key_set: Json = field(default_factory=dict)
    organization_id: str = ""
    subscription: str = ""  # Stripe's id
    license_id: str = ""
    license_key: str = ""
    desktops: list[Desktop] = field(default_factory=list)

    @property
    def seated(self) -> list[Desktop]:
        return [desktop for desktop in self.desktops if desktop.session]

    @property
    def waiting(self) -> list[Desktop]:
        return [desktop for desktop in self.desktops if not desktop.session]

    async def move_clock(self, to: datetime) -> datetime:
        """Time passes for the engine and for Stripe, which follows it; what Stripe says about it is delivered."""
        now = await self.door.move_clock(to)
        await self.payments.told()
        return now

    async def her_token(self) -> str:
        """She logs in again: the calendar has moved on since."""
        credentials = await self.door.ask("POST", "/auth/login", token="", json={"email": EMAIL, "password": PASSWORD})
        token: str = credentials["access_token"]
        return token

    async def license(self) -> Json:
        """As she sees it herself."""
        shown: Json = await self.door.get(f"/licenses/{self.license_id}", token=await self.her_token())
        return shown

    async def until_status(self, status: str, reason: str | None = None) -> Json:
        """The licence once it stands so, as the vendor sees it."""

        async def look() -> Json | None:
            shown: Json = await self.door.get(f"/licenses/{self.license_id}")
            return shown if shown["status"] == status and shown["suspended_reason"] == reason else None

        return await self.door.until(look, f"the licence is {status}")

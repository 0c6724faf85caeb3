"""How, and from what, a person signed in: as much as helps to recognise one's own devices, and no more."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import NamedTuple
from uuid import UUID


class Way(StrEnum):
    """What was shown to be let in."""

    PASSWORD = "password"
    MAILED_LINK = "mailed_link"
    INVITATION = "invitation"
    DEVICE_CODE = "device_code"
    PROVIDER = "provider"


class PasswordProof(StrEnum):
    """What a person showed to be allowed a new password."""

    OLD_PASSWORD = "old_password"
    MAILED_LINK = "mailed_link"


class LinkCause(StrEnum):
    """Why a link that signs in was mailed."""

    ASKED_FOR = "asked_for"
    GUESSES = "guesses"


class Device(NamedTuple):
    """`family` is a browser and its system (`Firefox on Linux`) or the program's own name, `network` a /24 or /48; None
    where nothing is known. Personal data, and never part of an event."""

    family: str | None = None
    network: str | None = None

    @classmethod
    def seen(cls, user_agent: str | None, address: str | None) -> Device:
        """What is kept of a request: neither the version of the browser nor the whole address."""
        return cls(_family(user_agent or ""), network_of(address or ""))


class LoginSession(NamedTuple):
    """A row of `login_sessions`; `generation` is the one refresh token that is good, counted from 1. `organization_id`
    is the one that its tokens speak for; None for a person who is no member of any. `device` and `network` are a
    `Device`; `proven_at` is when the person last proved who it is."""

    session_id: UUID
    user_id: UUID
    organization_id: UUID | None
    credential_version: int
    generation: int
    way: str
    device: str | None
    network: str | None
    started_at: datetime
    used_at: datetime
    proven_at: datetime
    expires_at: datetime


class Identity(NamedTuple):
    """Who somebody is at another provider: `subject` for ever, the rest as it is now. The address counts only when the
    provider says that it has proven it."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    name: str | None


class Attempt(NamedTuple):
    """One way to the provider and back, all derived from the state. `state` and `nonce` are sent, `verifier` proves at
    the end that it is the same who asks, `browser` is kept by the browser: to derive them takes the server's secret."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    browser: str


class ProviderFlow(NamedTuple):
    """What was begun: to link for `user_id`, or to sign in."""

    provider: str
    user_id: UUID | None


_BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_PROGRAM = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,39}")


def network_of(address: str) -> str | None:
    """The /24 (IPv4) or /48 (IPv6) that an address is in; None for what is no address."""
    try:
        found = ip_address(address)
    except ValueError:
        return None
    found = getattr(found, "ipv4_mapped", None) or found
    return str(ip_network((found, 24 if found.version == 4 else 48), strict=False))


def _family(user_agent: str) -> str | None:
    browser = next((name for sign, name in _BROWSERS if sign in user_agent), None)
    system = next((name for sign, name in _SYSTEMS if sign in user_agent), None)
    if browser and user_agent.startswith("Mozilla/"):
        return f"{browser} on {system}" if system else browser
    program = _PROGRAM.match(user_agent)
    return program[0] if program and program[0] != "Mozilla" else None

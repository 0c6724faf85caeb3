"""From where and until when an API key may be used."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MOST_NETWORKS = 50


def network(text: str) -> Network:
    """`203.0.113.0/24`, `2001:db8::/32`, or one address. ValueError for anything else, also for bits beyond the mask:
    whoever writes `203.0.113.7/24` meant something else."""
    return ipaddress.ip_network(text.strip())


@dataclass(frozen=True)
class Restrictions:
    """`networks` empty: from anywhere. `expires_at` None: for good."""

    networks: tuple[Network, ...] = ()
    expires_at: datetime | None = None

    def admit(self, address: str) -> bool:
        """Whether a caller may come from there; an IPv4 address in IPv6's clothes is that IPv4 address."""
        if not self.networks:
            return True
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        plain = getattr(found, "ipv4_mapped", None) or found
        return any(plain in each for each in self.networks)

    def cover(self, other: Restrictions) -> bool:
        """Whether `other` allows nothing that these forbid: a key that is restricted makes no freer one."""
        if self.expires_at is not None and (other.expires_at is None or other.expires_at > self.expires_at):
            return False
        if not self.networks:
            return True
        return bool(other.networks) and all(_within(each, self.networks) for each in other.networks)


def _within(inner: Network, outer: Iterable[Network]) -> bool:
    return any(inner.version == each.version and inner.subnet_of(each) for each in outer)  # type: ignore[arg-type]

"""What a Redis URL says: one server, or some nodes of a cluster."""

from __future__ import annotations

from typing import NamedTuple, Self
from urllib.parse import unquote

CLUSTER_SCHEMES = ("redis+cluster", "rediss+cluster")
SCHEMES = ("redis", "rediss", "unix", *CLUSTER_SCHEMES)
_PORT = 6379


class Address(NamedTuple):
    """Where one server listens."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """`host`, `host:port`, `[address]:port`, or `address:port` as a MOVED says it. Raises ValueError."""
        host, colon, port = text.rpartition(":")
        if not colon or text.endswith("]"):
            host, port = text, str(_PORT)
        if not port.isdecimal() or not 0 < int(port) < 65536:  # not shown: without an @ it is the password
            raise ValueError("a port is not a number from 1 to 65535")
        return cls(host.strip("[]"), int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class ClusterUrl:
    """`redis+cluster://user:password@host:port,host:port`: some nodes of a cluster, which tell of the others."""

    def __init__(self, url: str) -> None:
        """Raises ValueError, with what is wrong."""
        # Not by urllib: it takes several hosts, one of them in brackets, for a broken one.
        self._scheme, _, rest = url.partition("://")
        rest, _, self._query = rest.partition("?")
        places, _, database = rest.partition("/")
        self._account, at, hosts = places.rpartition("@")
        self._account += at
        self.seeds = tuple(Address.parse(each.strip()) for each in hosts.split(","))
        if not all(seed.host for seed in self.seeds):
            raise ValueError("a host is missing")
        if database.strip("/") not in ("", "0"):
            raise ValueError("a cluster has the database 0 only")

    @property
    def is_secure(self) -> bool:
        return self._scheme.startswith("rediss")

    def of(self, node: Address) -> str:
        """The URL of one node."""
        query = f"?{self._query}" if self._query else ""
        return f"{self._scheme.removesuffix('+cluster')}://{self._account}{node}{query}"

    @property
    def account(self) -> tuple[str | None, str | None]:
        """User name and password, None for what is not set."""
        user, _, password = self._account.removesuffix("@").partition(":")
        return unquote(user) or None, unquote(password) or None


def is_cluster(url: str) -> bool:
    return url.startswith(CLUSTER_SCHEMES)

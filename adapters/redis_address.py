"""What a Redis URL says, one server or a cluster, and who talks to it."""

from __future__ import annotations

from typing import NamedTuple, Self
from urllib.parse import SplitResult, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.exceptions import RedisClusterException
from redis.retry import Retry

from domain.errors import Unavailable

CLUSTER_SCHEMES = ("redis+cluster", "rediss+cluster")
SCHEMES = ("redis", "rediss", "unix", *CLUSTER_SCHEMES)
AWAY = (redis.ConnectionError, redis.TimeoutError, redis.exceptions.ClusterError, RedisClusterException)
"""What redis-py raises when a server or a part of a cluster cannot be asked."""
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
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f"{port!r} is not a port")
        return cls(host.strip("[]"), int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class ClusterUrl:
    """`redis+cluster://user:password@host:port,host:port`: some nodes of a cluster, which tell of the others."""

    def __init__(self, url: str) -> None:
        """Raises ValueError, with what is wrong."""
        self._parts: SplitResult = urlsplit(url)
        self._account, at, hosts = self._parts.netloc.rpartition("@")
        self._account += at
        self.seeds = tuple(Address.parse(each.strip()) for each in hosts.split(","))
        if not all(seed.host for seed in self.seeds):
            raise ValueError("a host is missing")
        if self._parts.path.strip("/") not in ("", "0"):
            raise ValueError("a cluster has the database 0 only")

    @property
    def is_secure(self) -> bool:
        return self._parts.scheme.startswith("rediss")

    def of(self, node: Address) -> str:
        """The URL of one node."""
        query = f"?{self._parts.query}" if self._parts.query else ""
        return f"{self._parts.scheme.removesuffix('+cluster')}://{self._account}{node}{query}"

    @property
    def account(self) -> tuple[str | None, str | None]:
        """User name and password, None for what is not set."""
        user, _, password = self._account.removesuffix("@").partition(":")
        return unquote(user) or None, unquote(password) or None


def is_cluster(url: str) -> bool:
    return url.startswith(CLUSTER_SCHEMES)


def client_of(url: str, timeout: float = 2.0) -> redis.Redis | redis.RedisCluster:
    """For sync callers; `timeout` in seconds. Raises `Unavailable` when no node of a cluster answers, `AWAY` later."""
    if not is_cluster(url):
        return redis.Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout)
    cluster = ClusterUrl(url)
    user, password = cluster.account
    try:
        return redis.RedisCluster(
            startup_nodes=[ClusterNode(*seed) for seed in cluster.seeds],
            username=user,
            password=password,
            ssl=cluster.is_secure,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            require_full_coverage=False,
            dynamic_startup_nodes=False,
            retry=Retry(NoBackoff(), 1),
        )
    except AWAY as error:
        raise Unavailable(retry_after=1) from error

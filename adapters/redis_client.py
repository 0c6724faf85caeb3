"""Redis for sync callers: what is not on the seat path."""

from __future__ import annotations

from threading import Lock
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.exceptions import RedisClusterException
from redis.retry import Retry

from adapters.redis_address import ClusterUrl, is_cluster

AWAY = (redis.RedisError, RedisClusterException)
"""What redis-py raises when a server, or a part of a cluster, cannot be asked or does not do what it is asked."""


class ClusterClient:
    """As much of a client as there are users of: it asks for the nodes of the cluster when it is first needed, and
    again while none answers. Raises `AWAY`."""

    def __init__(self, url: str, timeout: float) -> None:
        self._url = ClusterUrl(url)
        self._timeout = timeout
        self._cluster: redis.RedisCluster | None = None
        self._connecting = Lock()

    def execute_command(self, *command: str | int) -> Any:
        return self._connected().execute_command(*command)  # type: ignore[no-untyped-call]

    def ping(self) -> bool:
        """Whether every master answers."""
        return bool(self._connected().ping(target_nodes=redis.RedisCluster.PRIMARIES))

    def info(self, section: str) -> dict[str, Any]:
        """What one of the nodes says of itself."""
        return dict(self._connected().info(section, target_nodes=redis.RedisCluster.RANDOM))

    def close(self) -> None:
        if self._cluster is not None:
            self._cluster.close()

    def _connected(self) -> redis.RedisCluster:
        with self._connecting:
            self._cluster = self._cluster or self._connect()
        return self._cluster

    def _connect(self) -> redis.RedisCluster:
        user, password = self._url.account
        return redis.RedisCluster(
            startup_nodes=[ClusterNode(*seed) for seed in self._url.seeds],  # type: ignore[no-untyped-call]
            username=user,
            password=password,
            ssl=self._url.is_secure,
            socket_timeout=self._timeout,
            socket_connect_timeout=self._timeout,
            require_full_coverage=False,
            dynamic_startup_nodes=False,
            retry=Retry(NoBackoff(), 1),
        )


Client = redis.Redis | ClusterClient


def client_of(url: str, timeout: float = 0.3) -> Client:
    """For sync callers, any thread; connects when it is first needed. `timeout` in seconds. Raises `AWAY`, then."""
    if is_cluster(url):
        return ClusterClient(url, timeout)
    once_more = Retry(NoBackoff(), 1)
    return redis.Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=once_more)

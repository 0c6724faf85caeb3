"""Redis for sync callers: what is not on the seat path."""

from __future__ import annotations

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.exceptions import ClusterError, RedisClusterException
from redis.retry import Retry

from adapters.redis_address import ClusterUrl, is_cluster
from domain.errors import Unavailable

AWAY = (redis.ConnectionError, redis.TimeoutError, ClusterError, RedisClusterException)
"""What redis-py raises when a server, or a part of a cluster, cannot be asked."""


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

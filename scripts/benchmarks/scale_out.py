"""What it costs that every event is on two servers before its answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from adapters.bootstrap import build
from adapters.migrate import migrate
from scripts.benchmarks.engine import Installation, free_port, serving, vendor
from scripts.benchmarks.figures import Effort, Figure, compare
from scripts.benchmarks.hot_routes import coming_and_going
from scripts.benchmarks.standby import PostgresPair

_POOL = 1_000


def standby(installation: Installation, effort: Effort) -> Iterator[Figure]:
    """Acquire and release with a synchronous standby ÷ without, both servers on this machine and its one disk."""
    with (
        _with_standby(installation) as two,
        serving("engine", two.settings) as safe,
        serving("engine", installation.settings) as alone,
    ):
        own, their = (
            coming_and_going(server.address, place.license_keys(1, seats=_POOL), effort)
            for server, place in ((safe, two), (alone, installation))
        )
        figure = compare("acquire-with-standby", None, own, their, (safe, alone), effort)
        yield replace(figure, unit="of the requests/s without a standby")


@contextmanager
def _with_standby(one: Installation) -> Iterator[Installation]:
    """The same installation again, on two servers of its own."""
    with PostgresPair(one.settings.data_dir / "pair", (free_port(), free_port()), durable=True) as pair:
        assert one.settings.redis_url
        redis_url = one.settings.redis_url.replace("db=0", "db=1")
        settings = replace(one.settings, database_url=pair.url, redis_url=redis_url, broker_url=redis_url)
        migrate(pair.primary.url)
        services = build(settings)
        try:
            yield replace(one, settings=settings, services=services, organization=vendor(services))
        finally:
            services.close()

"""The engine's processes as threads of the test, over real servers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from adapters.bootstrap import Services
from domain.organization import Organization
from scripts.processes import prepare

CATALOG = Path("docs/catalogs/coditect.yaml")


class Processes:
    """Starts worker modules, each in a thread, and stops what is left at the end of the test."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._running: list[tuple[threading.Thread, threading.Event]] = []

    def start(self, *modules: ModuleType) -> Callable[[], None]:
        """Answers what stops them and waits until they have ended."""
        started = [self._start(module) for module in modules]

        def stop() -> None:
            for _, signal in started:
                signal.set()
            for thread, _ in started:
                thread.join(20)
                assert not thread.is_alive()

        return stop

    def _start(self, module: ModuleType) -> tuple[threading.Thread, threading.Event]:
        signal = threading.Event()
        thread = threading.Thread(target=module.run, args=(self._services, signal), name=module.__name__)
        thread.start()
        self._running.append((thread, signal))
        return thread, signal

    def stop(self) -> None:
        """All that still run."""
        for _, signal in self._running:
            signal.set()
        for thread, _ in self._running:
            thread.join(20)


@pytest.fixture
def services(settings, services) -> Services:
    """With read models, and the catalogue of CODITECT on sale."""
    prepare(settings)
    services.catalog.apply(services.catalog.read(CATALOG.read_bytes()))
    return services


@pytest.fixture
def processes(services) -> Iterator[Processes]:
    processes = Processes(services)
    yield processes
    processes.stop()


@pytest.fixture
def organization(services) -> Organization:
    organization = Organization.register(id=services.clock.new_id(), now=services.clock.now())
    services.store.add(organization)
    return organization


def until(holds: Callable[[], object], seconds: float = 20) -> None:
    """Waits for what other threads do."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)

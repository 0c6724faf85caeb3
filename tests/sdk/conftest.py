"""The Python client against the real API process, over real HTTP."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "sdk" / "python"))

from usher_client import LicenseClient, State, Status  # noqa: E402

from adapters.bootstrap import Services, build  # noqa: E402
from adapters.settings import Mode, Settings  # noqa: E402
from domain.organization import Organization  # noqa: E402
from scripts.processes import prepare  # noqa: E402

ADMIN_KEY = "usk_test_admin_key_of_the_vendor"
CATALOGS = ("coditect", "studio")
WITHIN = 30  # seconds


class Api:
    """An API process at an address that stays the same when it goes and comes back."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._environment = {"PATH": os.environ["PATH"], **environment, "USHER_PORT": str(port)}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "scripts.cli", "api"]
            self._process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)
        deadline = time.monotonic() + WITHIN
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    @property
    def is_up(self) -> bool:
        return self._process is not None

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/live", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False


@dataclass(repr=False)
class Sold:
    """A licence, its key, and what the vendor may do with it."""

    id: str
    key: str
    product: str
    url: str

    def admin(self, method: str, path: str, **body: Any) -> None:
        headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
        url = f"{self.url}/api/v1/admin/{path}"
        answer = httpx.request(method, url, headers=headers, json={"reason": "as agreed", **body}, timeout=20)
        assert answer.is_success, answer.text

    def change(self, action: str, **body: Any) -> None:
        self.admin("POST", f"licenses/{self.id}/{action}", **body)


class Told:
    """What `on_change` was told, in order."""

    def __init__(self) -> None:
        self.statuses: list[Status] = []

    def __call__(self, status: Status) -> None:
        self.statuses.append(status)

    def until(self, state: State) -> Status:
        deadline = time.monotonic() + WITHIN
        while not self.statuses or self.statuses[-1].state is not state:
            assert time.monotonic() < deadline, self.statuses
            time.sleep(0.01)
        return self.statuses[-1]


@pytest.fixture(scope="module")
def module_settings(tmp_path_factory, databases, redis_url) -> Iterator[Settings]:
    """An engine that the tests of a module share: starting one takes seconds; each test has a licence of its own."""
    data = tmp_path_factory.mktemp("sdk")
    secret = "the secret of a test engine, which is long enough"
    settings = Settings(data_dir=data, mode=Mode.SANDBOX, admin_key=ADMIN_KEY, secret_key=secret)
    with databases.migrated() as url:
        settings = settings.with_servers(database_url=url, redis_url=redis_url)
        prepare(settings)
        yield settings


@pytest.fixture(scope="module")
def engine(module_settings) -> Iterator[Services]:
    """The engine in this process, beside the API's: for what a worker would do, and what is set up."""
    services = build(module_settings)
    services.signing.ensure(services.clock.now())
    for name in CATALOGS:
        services.catalog.apply(services.catalog.read((ROOT / f"docs/catalogs/{name}.yaml").read_bytes()))
    yield services
    services.close()


@pytest.fixture(scope="module")
def module_api(module_settings) -> Iterator[Api]:
    api = Api(module_settings.as_environment(), module_settings.data_dir / "api.log")
    yield api
    api.kill()


@pytest.fixture
def api(module_api) -> Api:
    """It runs when a test begins."""
    if not module_api.is_up:
        module_api.start()
    return module_api


@pytest.fixture
def sell(engine, api) -> Callable[..., Sold]:
    """Sells a licence of a plan to somebody new."""

    def sell(plan: str, seats: int | None = None) -> Sold:
        owner = Organization.register(id=engine.clock.new_id(), now=engine.clock.now())
        engine.store.add(owner)
        issued = engine.licenses.issue(owner.id, plan, seats=seats, expires_at=None)
        return Sold(str(issued.license.id), issued.key.text, issued.license.terms.product, api.url)

    return sell


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def program_of(told, tmp_path) -> Callable[..., LicenseClient]:
    """A program with a licence, on a machine."""

    def made(sold: Sold, machine: str = "machine-of-ada", **other: Any) -> LicenseClient:
        options = {"product": sold.product, "fingerprint": machine, "state_dir": tmp_path / machine, "on_change": told}
        return LicenseClient(sold.url, other.pop("license_key", sold.key), **{**options, **other})

    return made

"""`usher up`: everything on one machine. Embedded servers, migrations, all processes, kept running until a signal."""

from __future__ import annotations

import contextlib
import gc
import http.client
import importlib
import json
import signal
import socket
import sys
import threading
import time
from functools import partial

import structlog

from adapters import logs
from adapters.embedded import EmbeddedFailed, EmbeddedServers
from adapters.settings import Settings
from scripts.apis import CannotStart, listen_for, run_child, share_metrics
from scripts.children import Child, Children, end_leftovers
from scripts.stand_in import StandIn

log = structlog.get_logger()

WORKERS = ("worker", "projector", "dispatcher", "scheduler")
_TURN = 0.2
"""Seconds between two looks at the children and servers."""
_SAY_WHY_AFTER = 20.0
_IMPORTED = (
    *("scripts.processes", *(f"workers.{kind}" for kind in WORKERS)),
    *("fastapi", "uvicorn", "uvloop", "httptools", "stripe"),
)
"""What children need, imported once: they share its memory and are there at once. Nothing of `api`, which makes its
request ids unique when it is imported."""


class Supervisor:
    """One engine in one data directory. `run` answers the exit code."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._servers = EmbeddedServers(
            settings.data_dir, postgres=settings.database_url is None, valkey=settings.redis_url is None
        )
        self._register = settings.data_dir / "processes.json"
        self._stand_in: StandIn | None = None
        self._stopping = False

    def run(self) -> int:
        """Runs until SIGINT or SIGTERM. Raises `CannotStart` and `EmbeddedFailed`; then nothing is left running."""
        logs.configure(level=self._settings.log_level, format=self._settings.log_format, process="up")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        with contextlib.ExitStack() as started:
            started.callback(self._servers.stop)
            self._start_servers()
            end_leftovers(self._register)
            listening = listen_for(self._settings)
            self._make_stand_in(started)
            children = self._children(listening)
            started.callback(children.stop)
            for one in listening:  # before the children end: what comes from now on is refused at once
                started.callback(one.close)
            self._prepare()
            if not self._stopping:
                children.start()
                self._announce()
                self._watch(children)
            say("Stopping")
        return 0

    def _make_stand_in(self, started: contextlib.ExitStack) -> None:
        """Without a Stripe key the engine has one of its own."""
        if StandIn.wanted(self._settings):
            self._stand_in = StandIn.make(self._settings)
            started.callback(self._stand_in.forget, self._settings.data_dir)
            self._stand_in.keep(self._settings.data_dir)
            self._settings = self._stand_in.told(self._settings)

    def _on_signal(self, number: int, frame: object) -> None:
        self._stopping = True

    def _start_servers(self) -> None:
        """While the servers start we import; no thread is left when the first child is forked."""
        share_metrics(self._settings)
        failed: list[BaseException] = []

        def start() -> None:
            try:
                self._servers.start()
            except BaseException as error:
                failed.append(error)

        starting = threading.Thread(target=start, name="servers")
        starting.start()
        try:
            for name in _IMPORTED:
                importlib.import_module(name)
        finally:
            starting.join()
        if failed:
            raise failed[0]
        urls = {"database_url": self._servers.database_url, "redis_url": self._servers.redis_url}
        self._settings = self._settings.with_servers(**urls)
        gc.freeze()

    def _prepare(self) -> None:
        """In a child, so that no connection and no thread is there when the others are forked."""
        child = Child("prepare", partial(_prepare, self._settings, self._servers))
        child.start()
        assert child.process is not None
        while child.process.exitcode is None:
            child.process.join(_TURN)
            if self._stopping:
                child.process.terminate()
        if child.process.exitcode and not self._stopping:
            raise CannotStart("The database could not be prepared; the reason is above.")

    def _children(self, listening: list[socket.socket]) -> Children:
        own = [self._stand_in.listening] if self._stand_in else []
        run = partial(run_child, self._settings, [*listening, *own], self._servers)
        serving = [("api", one) for one in listening] + [("stripe", one) for one in own]
        servers = [Child(kind, partial(run, kind, one)) for kind, one in serving]
        return Children([*servers, *(Child(kind, partial(run, kind)) for kind in WORKERS)], self._register)

    def _announce(self) -> None:
        settings = self._settings
        say(f"API {settings.local_url}")
        if settings.sandbox and settings.smtp_url is None:
            say(f"Mails {settings.local_url}/sandbox/mails")
        if self._stand_in:
            say(f"Stripe stand-in {self._stand_in.url}")
        say(f"Admin key {admin_key_place(settings)}")

    def _watch(self, children: Children) -> None:
        began, ready, excused = time.monotonic(), False, False
        while not self._stopping:
            children.watch(_TURN)
            self._revive_servers()
            if ready:
                continue
            wrong = what_is_wrong(self._settings)
            if not wrong:
                ready = True
                say("Ready")
            elif not excused and time.monotonic() - began > _SAY_WHY_AFTER:
                excused = True
                say(f"Not ready yet: {wrong}")

    def _revive_servers(self) -> None:
        """One that has ended is started again; one that is slow is left alone."""
        try:
            if self._servers.database_url and self._servers.postgres_pid is None:
                log.warning("server.died", server="postgres")
                self._servers.restart_postgres()
            if self._servers.redis_url and self._servers.valkey_pid is None:
                log.warning("server.died", server="valkey")
                self._servers.restart_valkey()
        except EmbeddedFailed as error:
            log.error("server.not_restarted", error=str(error))
            time.sleep(1.0)


def _prepare(settings: Settings, servers: EmbeddedServers) -> None:
    """In the child: what is expected to go wrong is one line."""
    from scripts import processes
    from scripts.commands.failures import explained
    from scripts.commands.output import progress

    servers.disown()
    logs.configure(level=settings.log_level, format=settings.log_format, process="prepare")
    try:
        with progress("Building read models") as done:
            processes.prepare(settings, done)
    except Exception as error:
        failure = explained(error)
        if failure is None:
            raise
        sys.exit(f"usher: {failure['message']}")


def what_is_wrong(settings: Settings) -> str:
    """What readiness says against this engine's API; empty when nothing."""
    host = settings.local_url.removeprefix("http://").rsplit(":", 1)[0].strip("[]")
    asking = http.client.HTTPConnection(host, settings.port, timeout=1.5)
    try:
        asking.request("GET", "/health/ready")
        said = json.load(asking.getresponse())
        return "; ".join(f"{name}: {state}" for name, state in said["checks"].items() if state != "ok")
    except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
        return f"the API does not answer ({type(error).__name__})"
    finally:
        asking.close()


def admin_key_place(settings: Settings) -> str:
    """Where the vendor finds the admin key; the key itself only to a person, on the day it is made."""
    path = settings.data_dir / "admin_key"
    if not path.is_file() or path.read_text().strip() != settings.admin_key:
        return "as set in USHER_ADMIN_KEY"
    is_new = time.time() - path.stat().st_mtime < 60
    return f"{settings.admin_key} (kept in {path})" if is_new and sys.stdout.isatty() else f"in {path}"


def say(line: str) -> None:
    """To whoever still reads."""
    with contextlib.suppress(OSError, ValueError):
        print(line, flush=True)

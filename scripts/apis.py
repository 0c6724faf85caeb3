"""The API processes: their sockets, their shared metrics, and how they are run when there are several."""

from __future__ import annotations

import os
import signal
import socket
import threading
from functools import partial
from typing import TYPE_CHECKING

from adapters.settings import Settings
from api.listening import listen
from scripts.children import Child, Children

if TYPE_CHECKING:
    from adapters.embedded import EmbeddedServers

_TURN = 0.2


class CannotStart(Exception):
    """The message is one line that says what to do."""


def run_apis(settings: Settings) -> None:
    """`usher api`: this process is the API, or keeps `API_WORKERS` of them running, until SIGTERM or SIGINT."""
    share_metrics(settings)
    listening = listen_for(settings)
    if settings.api_workers == 1:
        run_child(settings, [], None, "api", listening[0])
        return
    children = [Child("api", partial(run_child, settings, listening, None, "api", own)) for own in listening]
    apis, stop = Children(children, settings.data_dir / "api-processes.json"), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        apis.start()
        while not stop.is_set():
            apis.watch(_TURN)
    finally:
        for one in listening:
            one.close()
        apis.stop()


def listen_for(settings: Settings) -> list[socket.socket]:
    """A socket for each API process. Raises `CannotStart` when the port is taken."""
    host, port = settings.host, settings.port
    try:
        return listen(host, port, settings.api_workers)
    except OSError as error:
        why = error.strerror or str(error)
        raise CannotStart(f"Port {port} of {host} cannot be used ({why}): choose another with --port.") from None


def share_metrics(settings: Settings) -> None:
    """Several API processes count in files of one folder, whose name the library reads when it is imported."""
    if settings.api_workers == 1:
        return
    folder = settings.data_dir / "metrics"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.db"):
        old.unlink()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def run_child(
    settings: Settings,
    inherited: list[socket.socket],
    servers: EmbeddedServers | None,
    kind: str,
    own: socket.socket | None = None,
) -> None:
    """A process of any kind; what it inherited and does not need is let go."""
    from scripts import processes

    if servers is not None:
        servers.disown()
    for one in inherited:
        if one is not own:
            one.close()
    processes.run(kind, settings, own)

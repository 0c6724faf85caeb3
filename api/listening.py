"""The sockets that API processes listen on."""

from __future__ import annotations

import socket

_WAITING = 2048  # connections that the system keeps for us until we take them


def listen(host: str, port: int, processes: int) -> list[socket.socket]:
    """One listening socket for each API process; `OSError` when the port is taken.

    Made before the processes and kept when one dies: a client that comes in between waits instead of being refused.
    Each process has a queue of its own, over which the system spreads the clients evenly.
    """
    _bound(host, port, shared=False).close()  # sharing is also allowed to others: their port would not count as taken
    sockets = [_bound(host, port, shared=processes > 1) for _ in range(processes)]
    for one in sockets:
        one.listen(_WAITING)
        one.setblocking(False)
    return sockets


def _bound(host: str, port: int, *, shared: bool) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
    try:
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound

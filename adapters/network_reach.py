"""Which machines we connect to: names are resolved once, every address is checked, and the checked one is connected to.

A name that leads inside (or begins to between two look-ups) would make us the hand of whoever gave it to us in networks
that he cannot reach himself.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence

from domain.public_address import is_public

RESOLVE_WITHIN = 5.0
"""Seconds that we wait for a name server; the system itself would wait for half a minute."""

Resolve = Callable[[str, int], Sequence[str]]
"""Host and port → addresses in text; `Unreachable` when there are none."""


class Unreachable(Exception):
    """`code` is a word of ours for the delivery log: nothing that the network said."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Reach:
    """`everywhere`: also addresses that are not public, for the sandbox."""

    def __init__(self, *, everywhere: bool, resolve: Resolve | None = None) -> None:
        self._everywhere = everywhere
        self._resolve = resolve or resolve_by_system

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """Where a host is, in the order to try. `Unreachable` when it is not known, or when a single one of its
        addresses is not public: a name that is both is not an honest one."""
        found = self._resolve(host, port)
        if not found:
            raise Unreachable("name_not_resolved")
        if not self._everywhere and not all(is_public(address) for address in found):
            raise Unreachable("address_not_public")
        return found


def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """By the system's resolver, in a thread that is left to itself when it takes too long: it cannot be stopped, and
    ends with the system's own time-out."""
    answer: list[str] = []
    problem: list[OSError | UnicodeError] = []

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            problem.append(error)
        else:
            answer.extend(dict.fromkeys(str(address[0]) for *_, address in found))

    asking = threading.Thread(target=ask, name="resolver", daemon=True)
    asking.start()
    asking.join(RESOLVE_WITHIN)
    if asking.is_alive():
        raise Unreachable("name_server_timeout")
    if problem:
        raise Unreachable("name_not_resolved") from problem[0]
    return answer

"""A real SMTP server (aiosmtpd) that answers as a test tells it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller


class Post:
    """Takes mails, or answers as told; waits in the middle while `go_on` is clear; `drops` the connection."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.answers: dict[str, str] = {}
        self.in_data, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()
        self.drops = False

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if "RCPT" not in self.answers:
            envelope.rcpt_tos.append(address)
        return self.answers.get("RCPT", "250 OK")

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if "DATA" not in self.answers:
            self.taken.append(envelope)
        self.in_data.set()
        await server.loop.run_in_executor(None, self.go_on.wait, 20)
        if self.drops:
            server.transport.abort()
        return self.answers.get("DATA", "250 OK")

    def message(self) -> Any:
        (envelope,) = self.taken
        return message_from_bytes(envelope.content, policy=default)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(post: Post, **settings: Any) -> Iterator[int]:
    controller = Controller(post, hostname="127.0.0.1", port=free_port(), **settings)
    controller.start()
    try:
        yield controller.port
    finally:
        post.go_on.set()
        controller.stop()

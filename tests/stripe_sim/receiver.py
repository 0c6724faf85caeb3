"""A webhook endpoint of a test: it checks signatures with Stripe's own library and answers what it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import stripe

SECRET = "whsec_of_the_test"


class Receiver:
    """`taken` are the ids of events whose signature holds, in order; `refused` counts the others."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.types: list[str] = []
        self.refused = 0
        self.statuses: list[int] = []
        """Answers to come, before 200."""
        self.url = ""

    def hear(self, body: bytes, signature: str) -> int:
        try:
            event = stripe.Webhook.construct_event(body, signature, SECRET)
        except stripe.SignatureVerificationError:
            self.refused += 1
            return 400
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.taken.append(event.id)
            self.types.append(event.type)
        return status


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(receiver.hear(body, self.headers["Stripe-Signature"]))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    receiver.url = f"http://127.0.0.1:{server.server_port}/webhooks"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

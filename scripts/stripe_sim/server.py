"""The account over HTTP, read-only: what the product asks Stripe when a webhook is not enough."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from scripts.stripe_sim.account import StripeAccount
from scripts.stripe_sim.answers import Answers, Declined


@contextmanager
def serving(account: StripeAccount, *, port: int = 0) -> Iterator[str]:
    """Serve an account of this process on loopback while the block runs; gives the base URL.

    `stripe.StripeClient("sk_test_…", base_addresses={"api": url})` talks to it.
    """
    handler = type("AccountHandler", (_Handler,), {"answers": Answers(account)})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.block_on_close = True
    server.daemon_threads = False
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="stripe-sim")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    answers: ClassVar[Answers]

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        try:
            if not self.headers.get("Authorization", "").startswith("Bearer sk_test_"):
                raise Declined(401, "Invalid API Key provided. You need a test mode secret key (sk_test_…).")
            self._send(200, self.answers.get(url.path, parse_qsl(url.query, keep_blank_values=True)))
        except Declined as declined:
            self._send(declined.status, {"error": declined.error})

    def do_POST(self) -> None:
        self._send(404, {"error": Declined.unrecognized(self.command, urlsplit(self.path).path).error})

    do_DELETE = do_POST

    def _send(self, status: int, body: dict[str, Any]) -> None:
        payload = json.dumps(body, indent=2).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.send_header("Request-Id", self.answers.request_id())
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not printed: the demo's output is for people."""

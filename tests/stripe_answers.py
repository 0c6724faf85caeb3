"""A server that answers as Stripe does what a test lays out, to the real client."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@contextmanager
def answering(answers: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """`answers`: path → object; `?expand` after it for when something is to be expanded, `?ID` for the page after that.
    Gives the base URL, and the paths that were asked for so far."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = dict(parse_qsl(url.query))
            path = url.path + ("?expand" if any(name.startswith("expand") for name in query) else "")
            path += f"?{query['starting_after']}" if "starting_after" in query else ""
            asked.append(path)
            found = answers.get(path)
            unknown = {"error": {"message": "No such thing", "type": "invalid_request_error"}}
            body = json.dumps(found or unknown).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

"""The stand-in on a port: real HTTP, with the faults that a test asks for."""

from __future__ import annotations

import json
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from stand_in import Engine, Refused


@dataclass
class Fault:
    """What happens to the next request whose path has the word `on`. `status` 0: the connection is cut; `late`: after
    the request was done."""

    on: str = ""
    status: int = 0
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    late: bool = False


class Office:
    """An engine on its own port of this machine; it can go away and come back at the same address."""

    def __init__(self, engine: Engine, tls: ssl.SSLContext | None = None) -> None:
        self.engine = engine
        self._tls = tls
        self.faults: list[Fault] = []
        self.flowing = threading.Event()  # cleared: requests are read, and get no answer
        self.flowing.set()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.open()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    def open(self) -> None:
        self._server = _Server(("127.0.0.1", self._port), _handler_of(self))
        self._port = self._server.server_address[1]
        if self._tls is not None:
            self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), name="office", daemon=True).start()

    def close(self) -> None:
        """Nobody answers at the address any more."""
        if self._server is not None:
            self.flowing.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def fault_for(self, path: str) -> Fault | None:
        with self.engine.changed:
            found = next((fault for fault in self.faults if fault.on in path), None)
            if found is not None:
                self.faults.remove(found)
            return found


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is part of the story."""


def _handler_of(office: Office) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def serve(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            with office.engine.changed:
                office.engine.requests.append((self.command, self.path))
                office.engine.bodies.append(body)
                office.engine.credentials.append(self.headers.get("Authorization", ""))
                office.engine.changed.notify_all()
            fault = office.fault_for(self.path)
            office.flowing.wait()
            if fault is not None and not fault.late:
                self.say(fault.status, fault.body, fault.headers)
                return
            answer = self.answered(body)
            if fault is None:
                self.say(*answer)
            else:
                self.say(fault.status, fault.body, fault.headers)

        def answered(self, body: dict[str, Any]) -> tuple[int, bytes, dict[str, str]]:
            credential = self.headers.get("Authorization", "")
            try:
                status, content = office.engine.answer(self.command, self.path, credential, body)
            except Refused as refused:
                error = {"code": refused.code, "message": f"It is so: {refused.code}.", "request_id": "r-1"}
                error |= {"details": refused.details} if refused.details else {}
                wait = refused.retry_after
                return refused.status, json.dumps({"error": error}).encode(), {"Retry-After": str(wait)} if wait else {}
            return status, b"" if content is None else json.dumps(content).encode(), {}

        def say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            if status == 0:
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_DELETE = serve

    return Handler

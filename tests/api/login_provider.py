"""An identity provider in a process of its own: OpenID Connect and, beside it, GitHub's shape. `python -m
tests.api.login_provider PORT` serves; whoever it says comes back is set by `POST /script`, as is what it does wrong.

It follows the specifications' pages, not our code, and uses neither Authlib nor joserfc: tokens are signed by PyJWT.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "usher client", "a secret: with signs & blanks"


class Provider:
    def __init__(self, url: str) -> None:
        self.url = url
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = "one"
        self.codes: dict[str, dict[str, str]] = {}
        self.script: dict[str, Any] = {}

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.script.get("calls_itself", self.url),
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "authorization_response_iss_parameter_supported": True,
        }

    def keys(self) -> dict[str, Any]:
        known = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [{**known, "kid": self.kid, "use": "sig", "alg": "RS256"}]}

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser is sent back to; everybody consents."""
        assert asked["code_challenge_method"] == "S256" and asked["response_type"] == "code"
        code = uuid.uuid4().hex
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.script.get("iss", self.url)}
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    def token(self, given: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(given.get("code", ""), None)
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or asked["redirect_uri"] != given["redirect_uri"] or asked["code_challenge"] != challenge:
            return 400, {"error": "invalid_grant"}
        if self._client(given, authorization) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        return 200, {"access_token": "provider-access", "token_type": "Bearer", "id_token": self._id_token(asked)}

    def _client(self, given: dict[str, str], authorization: str) -> tuple[str, str]:
        if not authorization.startswith("Basic "):
            return given.get("client_id", ""), given.get("client_secret", "")
        user, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        return unquote(user), unquote(password)

    def _id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked.get("nonce"),
            "sub": "subject-1",
            "email": "ann@example.test",
            "email_verified": True,
            "name": "Ann",
            **self.script.get("claims", {}),
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.script.get("unsigned"):
            return jwt.encode(claims, None, algorithm="none")
        if self.script.get("signed_with_the_secret"):
            return jwt.encode(claims, SECRET, algorithm="HS256", headers={"kid": self.kid})
        key = self.stranger if self.script.get("signed_by_a_stranger") else self.key
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": self.kid})


class Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        provider = self.provider
        match parts.path:
            case "/.well-known/openid-configuration":
                self._say(200, provider.configuration())
            case "/keys":
                self._say(200, provider.keys())
            case "/authorize" | "/login/oauth/authorize":
                self.send_response(302)
                self.send_header("Location", provider.authorize(asked))
                self.end_headers()
            case "/api/v3/user" if self.headers["Authorization"] == "Bearer provider-access":
                self._say(200, provider.script.get("user", {"id": 4711, "login": "ann", "name": None}))
            case "/api/v3/user/emails" if self.headers["Authorization"] == "Bearer provider-access":
                listed = [{"email": "ann@example.test", "primary": True, "verified": True}]
                self._say(200, provider.script.get("emails", listed))
            case _:
                self._say(404, {"error": "not_found"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        provider = self.provider
        if self.path == "/script":
            provider.script = json.loads(body)
            if provider.script.pop("new_key", False):
                provider.kid, provider.key = "two", provider.stranger
            self._say(200, {})
            return
        given = {name: values[0] for name, values in parse_qs(body).items()}
        status, answer = provider.token(given, self.headers.get("Authorization", ""))
        is_github = self.path == "/login/oauth/access_token"
        self._say(200 if is_github else status, {**answer, "id_token": None} if is_github else answer)

    def _say(self, status: int, answer: Any) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    Handler.provider = Provider(f"http://127.0.0.1:{server.server_address[1]}")
    print(Handler.provider.url, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

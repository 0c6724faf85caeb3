"""A browser in front of our pages: keeps cookies, fills in the one form of a page, follows where it leads."""

from __future__ import annotations

import re
from html import unescape
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import httpx

from tests.api.people_engine import Client

_FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
_ACTION = re.compile(r'<form method="post" action="([^"]+)">')
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Browser:
    def __init__(self, client: Client, user_agent: str = FIREFOX) -> None:
        self._client = client
        self._user_agent = user_agent
        self.cookies: dict[str, str] = {}
        self.follows = True
        self.page: httpx.Response | None = None

    @property
    def text(self) -> str:
        assert self.page is not None
        return unescape(self.page.text)

    def open(self, path: str) -> httpx.Response:
        return self._show(self._client.get(f"/{path}", headers=self._headers()))

    def send(self, **filled: str) -> httpx.Response:
        """Sends the form of the page as it is, with these fields besides."""
        assert self.page is not None
        action = _ACTION.search(self.page.text)
        assert action, self.page.text
        hidden = {name: unescape(value) for name, value in _FIELD.findall(self.page.text)}
        return self.post(action[1], **(hidden | filled))

    def post(self, path: str, **fields: str) -> httpx.Response:
        headers = {**self._headers(), "Content-Type": "application/x-www-form-urlencoded"}
        return self._show(self._client.post(f"/{path}", content=urlencode(fields), headers=headers))

    def _headers(self) -> dict[str, str]:
        kept = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"User-Agent": self._user_agent, "Accept": "text/html"} | ({"Cookie": kept} if kept else {})

    def _show(self, answer: httpx.Response) -> httpx.Response:
        for header in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]
        self.page = answer
        return self.open(answer.headers["location"]) if self.follows and answer.status_code == 303 else answer

"""The person who is logged in on this machine: credentials in a file of its user's own, renewed when needed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from usher_client import device_login
from usher_client.calls import read
from usher_client.device_login import Prompt, Tokens
from usher_client.errors import CredentialsUnkept, NotLoggedIn, Unavailable, UsherError
from usher_client.flow import Call, run
from usher_client.state_dir import StateDir
from usher_client.wire import Address, Wire

_NAME = "credentials"
_EARLY = 30.0
"""Seconds before its end in which an access token is renewed: a clock may be a little off."""


def default_config_dir() -> Path:
    """Where this user's programs keep their settings. Raises `CredentialsUnkept` when there is no such place."""
    if sys.platform == "win32":
        base = os.environ.get("APPDATA")
    elif sys.platform == "darwin":
        base = _below_home("Library/Application Support")
    else:
        given = os.environ.get("XDG_CONFIG_HOME", "")
        base = given if os.path.isabs(given) else _below_home(".config")
    if not base:
        raise CredentialsUnkept("There is no home directory to keep the credentials in; set USHER_CONFIG_DIR.")
    return Path(base) / "usher"


def _below_home(path: str) -> str | None:
    home = os.path.expanduser("~")
    return os.path.join(home, path) if os.path.isabs(home) else None


class Account:
    """`directory`: where the file is (default: the user's own place for settings). `http` as for `LicenseClient`.

    One login at a time. Several programs may use it at once: a refresh token is good once, so a lock is held while one
    of them renews it. Network problems raise `Unavailable`; without a login `NotLoggedIn`.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None, *, http: Any = None) -> None:
        chosen = directory or os.environ.get("USHER_CONFIG_DIR") or default_config_dir()
        self._directory = Path(chosen)
        self._kept = StateDir(self._directory)
        self._http = http

    def log_in(
        self,
        url: str,
        show: Callable[[Prompt], object],
        *,
        client: str = "usher-client",
        sleep: Callable[[float], object] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Waits until the person has approved in a browser; `show` is given what to tell it. A login that was there
        before ends. Raises `ValueError` for what is no address, and what Usher refuses."""
        address = Address(url, self._http)
        with Wire(address) as wire:
            tokens = run(device_login.log_in(client, show, now), wire.send, sleep)
            with self._locked():
                former = self._kept.read(_NAME)
                try:
                    self._keep(address.url, tokens)
                except CredentialsUnkept:
                    wire.send(device_login.log_out(tokens.refresh))
                    raise
        if former is not None:
            self._end(former)

    def log_out(self) -> bool:
        """Forgets the login; whether Usher was told. It lapses by itself after 30 days otherwise."""
        with self._locked():
            former = self._login()
            self._kept.remove(_NAME)
        return self._end(former)

    def who_am_i(self) -> dict[str, Any]:
        """The person as `GET /me` answers it, and `server`."""
        url = self.url
        with Wire(Address(url, self._http)) as wire:
            return {**read(wire.send(device_login.who_am_i(self.access_token())), 200), "server": url}

    @property
    def url(self) -> str:
        return str(self._login()["url"])

    def access_token(self) -> str:
        """One that is good for half a minute at least."""
        with self._locked():
            login = self._login()
            if login["expires_at"] - time.time() < _EARLY:
                login = self._renewed(login)
            return str(login["access_token"])

    def _renewed(self, login: dict[str, Any]) -> dict[str, Any]:
        with Wire(Address(login["url"], self._http)) as wire:
            try:
                answer = wire.send(device_login.refresh(login["refresh_token"]))
                tokens = device_login.read_tokens(answer)
            except Unavailable:
                raise
            except UsherError as refusal:
                if refusal.code != "not_authenticated":
                    raise
                self._kept.remove(_NAME)
                raise NotLoggedIn("This login has ended; log in again.") from None
        return self._keep(login["url"], tokens)

    def _keep(self, url: str, tokens: Tokens) -> dict[str, Any]:
        login = {
            "url": url,
            "access_token": tokens.access,
            "refresh_token": tokens.refresh,
            "expires_at": int(time.time() + tokens.expires_in),
        }
        if not self._kept.write(_NAME, login, durable=True):
            raise CredentialsUnkept(f"The credentials cannot be kept in {self._directory}.")
        return login

    def _login(self) -> dict[str, Any]:
        login = self._kept.read(_NAME)
        texts = ("url", "access_token", "refresh_token")
        if (
            login is None
            or not all(isinstance(login.get(name), str) for name in texts)
            or not isinstance(login.get("expires_at"), int)
        ):
            raise NotLoggedIn()
        return login

    def _end(self, login: dict[str, Any]) -> bool:
        call: Call = device_login.log_out(str(login.get("refresh_token")))
        try:
            with Wire(Address(str(login.get("url")), self._http)) as wire:
                read(wire.send(call), 204)
        except (UsherError, ValueError):
            return False
        return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Nobody else of this user reads or renews meanwhile; the system lets go of it when a program dies."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._directory / f".{_NAME}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise CredentialsUnkept(f"Nothing can be kept in {self._directory}: {error.strerror}.") from None
        try:
            _lock(handle)
            yield
        finally:
            os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_LOCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX)

"""Signing in by a browser (RFC 8628), decided without I/O: what is asked, how often, and when to give up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from usher_client.calls import not_ushers, read
from usher_client.errors import RateLimited, Unavailable, UsherError
from usher_client.flow import Answer, Call, Flow, Pause

_BASE = "/api/v1/auth"
_LONGEST_PAUSE = 60.0


class Prompt(NamedTuple):
    """What the person is shown: the code is typed at `address`, or `link` is opened, which has it. `expires_in` is in
    seconds."""

    user_code: str
    address: str
    link: str
    expires_in: float


class Tokens(NamedTuple):
    """Never shown by a `repr`. `expires_in`: seconds until the access token ends."""

    access: str
    refresh: str
    expires_in: float

    def __repr__(self) -> str:
        return "Tokens()"


def log_in(client: str, show: Callable[[Prompt], object], now: Callable[[], float]) -> Flow[Tokens]:
    """`client`: what this program calls itself. `show` is called once. `now`: seconds of a clock that is never set.

    Raises what Usher refuses: `access_denied` when the person denies it, `expired_token` when nobody came in time.
    """
    said = read((yield Call("POST", f"{_BASE}/device", {"client_id": client})), 200)
    code, prompt, interval = _text(said, "device_code"), _prompt(said), _seconds(said, "interval")
    deadline = now() + prompt.expires_in
    show(prompt)
    while now() < deadline:
        yield Pause(interval)
        try:
            return read_tokens((yield Call("POST", f"{_BASE}/device/token", {"device_code": code})))
        except Unavailable:
            interval = min(interval * 2, _LONGEST_PAUSE)  # section 3.5: ask less often when there is no answer
        except UsherError as refusal:
            interval = _next_interval(refusal, interval)
    raise _expired()


def refresh(token: str) -> Call:
    return Call("POST", f"{_BASE}/refresh", {"refresh_token": token})


def log_out(token: str) -> Call:
    return Call("POST", f"{_BASE}/logout", {"refresh_token": token})


def who_am_i(token: str) -> Call:
    return Call("GET", "/api/v1/me", credential=f"Bearer {token}")


def read_tokens(answer: Answer) -> Tokens:
    said = read(answer, 200)
    return Tokens(_text(said, "access_token"), _text(said, "refresh_token"), _seconds(said, "expires_in"))


def _next_interval(refusal: UsherError, interval: float) -> float:
    if refusal.code == "authorization_pending":
        return interval
    if refusal.code == "slow_down":
        return interval + 5
    if isinstance(refusal, RateLimited):
        return max(interval, min(refusal.retry_after or 0.0, _LONGEST_PAUSE))
    raise refusal


def _expired() -> UsherError:
    error = UsherError("Nobody approved it in time; begin again.")
    error.code = "expired_token"
    return error


def _prompt(said: Mapping[str, Any]) -> Prompt:
    """Only what a terminal and a browser can be trusted with."""
    address = _text(said, "verification_uri")
    link = said.get("verification_uri_complete", address)
    prompt = Prompt(_text(said, "user_code"), address, link, _seconds(said, "expires_in"))
    for shown in prompt[:3]:
        if not isinstance(shown, str) or not shown.isprintable() or len(shown) > 2000:
            raise not_ushers()
    if not all(each.startswith(("https://", "http://")) for each in (prompt.address, prompt.link)):
        raise not_ushers()
    return prompt


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not value:
        raise not_ushers()
    return value


def _seconds(said: Mapping[str, Any], name: str) -> float:
    value = said.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e9:
        raise not_ushers()
    return float(value)

"""A person logs a program in: what is asked how often, what is kept where, and what is never shown."""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
import time
from typing import Any

import pytest

from usher_client.account import Account, default_config_dir
from usher_client.command import main
from usher_client.device_login import Prompt, log_in
from usher_client.errors import CredentialsUnkept, NotLoggedIn, Unavailable, UsherError
from usher_client.flow import Answer, Call, run

CODES = {
    "device_code": "the-long-code",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://usher.example/device",
    "verification_uri_complete": "https://usher.example/device?user_code=WDJB-MJHT",
    "expires_in": 900,
    "interval": 5,
}
TOKENS = {"access_token": "eyJ.access", "refresh_token": "eyJ.refresh", "expires_in": 900}
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="file modes are of POSIX")


def said(body: dict[str, Any], status: int = 200) -> Answer:
    return Answer(status, {}, json.dumps(body).encode())


def refused(code: str, status: int = 400, **more: Any) -> Answer:
    return said({"error": {"code": code, "message": f"{code}.", **more}}, status)


class Script:
    """Gives these answers one after the other; time passes only by pauses."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.pauses: list[float] = []
        self.shown: list[Prompt] = []
        self.calls: list[Call] = []

    def send(self, call: Call) -> Answer:
        self.calls.append(call)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def run(self) -> Any:
        return run(log_in("a tool", self.shown.append, lambda: sum(self.pauses)), self.send, self.pauses.append)


def test_the_program_asks_at_the_interval_until_it_is_approved():
    script = Script(said(CODES), refused("authorization_pending"), refused("authorization_pending"), said(TOKENS))
    tokens = script.run()
    assert (tokens.access, tokens.refresh) == ("eyJ.access", "eyJ.refresh") and "eyJ" not in repr(tokens)
    assert script.pauses == [5, 5, 5]
    [prompt] = script.shown
    assert (prompt.user_code, prompt.link) == ("WDJB-MJHT", CODES["verification_uri_complete"])
    assert script.calls[-1].body == {"device_code": "the-long-code"}


def test_it_slows_down_when_told_and_when_nobody_answers():
    script = Script(
        said(CODES),
        refused("slow_down"),
        Unavailable(),
        refused("rate_limited", 429, retry_after=40),
        refused("authorization_pending"),
        said(TOKENS),
    )
    script.run()
    assert script.pauses == [5, 10, 20, 40, 40]


@pytest.mark.parametrize("code", ["access_denied", "expired_token", "invalid_request"])
def test_it_gives_up_when_refused(code):
    script = Script(said(CODES), refused(code))
    with pytest.raises(UsherError) as refusal:
        script.run()
    assert refusal.value.code == code and script.pauses == [5]


def test_it_gives_up_when_nobody_comes_in_time():
    script = Script(said({**CODES, "expires_in": 12}), *[refused("authorization_pending")] * 9)
    with pytest.raises(UsherError) as refusal:
        script.run()
    assert refusal.value.code == "expired_token" and script.pauses == [5, 5, 5]


@pytest.mark.parametrize(
    "change",
    [
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri_complete": "file:///etc/passwd"},
        {"user_code": "\x1b[2J"},
        {"device_code": 7},
        {"interval": -1},
        {"expires_in": None},
    ],
)
def test_what_cannot_be_ushers_is_shown_to_nobody_and_opened_by_no_browser(change):
    script = Script(said({**CODES, **change}))
    with pytest.raises(Unavailable):
        script.run()
    assert script.shown == []


# what is kept


class Usher:
    """Stands for the server: `refreshed` counts, each refresh token is good once."""

    def __init__(self) -> None:
        self.refreshed, self.is_over, self.refresh = 0, False, "eyJ.refresh.0"
        self._lock = threading.Lock()

    def __call__(self, request: Any) -> Any:
        import httpx

        path, body = request.url.path, json.loads(request.content or b"{}")
        if path.endswith("/device"):
            return httpx.Response(200, json={**CODES, "interval": 0.001})
        if path.endswith("/logout"):
            self.is_over = True
            return httpx.Response(204)
        if path.endswith("/me"):
            good = request.headers["Authorization"] == f"Bearer eyJ.access.{self.refreshed}"
            assert good, request.headers
            return httpx.Response(200, json={"email": "ann@example.com", "company_name": "Ann\x1b[2J Ltd"})
        with self._lock:
            if path.endswith("/refresh"):
                if self.is_over or body["refresh_token"] != self.refresh:
                    error = {"code": "not_authenticated", "message": "Log in again."}
                    return httpx.Response(401, json={"error": error})
                self.refreshed += 1
                self.refresh = f"eyJ.refresh.{self.refreshed}"
            tokens = {"access_token": f"eyJ.access.{self.refreshed}", "refresh_token": self.refresh, "expires_in": 900}
            return httpx.Response(200, json=tokens)


@pytest.fixture
def usher() -> Usher:
    return Usher()


@pytest.fixture
def account(usher, tmp_path) -> Any:
    import httpx

    with httpx.Client(transport=httpx.MockTransport(usher)) as http:
        yield Account(tmp_path / "config" / "usher", http=http)


def logged_in(account: Account) -> None:
    account.log_in("https://usher.example/", lambda prompt: None)


def age(account: Account) -> None:
    """The access token is over."""
    login = account._login()
    account._kept.write("credentials", {**login, "expires_at": int(time.time())})


@POSIX
def test_the_file_is_its_users_own_and_replaced_as_a_whole(account, tmp_path):
    logged_in(account)
    directory = tmp_path / "config" / "usher"
    assert stat.S_IMODE(os.stat(directory / "credentials.json").st_mode) == 0o600
    assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700
    assert sorted(os.listdir(directory)) == [".credentials.lock", "credentials.json"]
    assert account.who_am_i()["server"] == "https://usher.example"


def test_a_token_that_is_over_is_renewed_once_however_many_ask(account, usher):
    logged_in(account)
    age(account)
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(account.access_token())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {"eyJ.access.1"} and usher.refreshed == 1


def test_a_login_that_has_ended_is_forgotten(account, usher):
    logged_in(account)
    usher.is_over = True
    age(account)
    for _ in range(2):
        with pytest.raises(NotLoggedIn):
            account.who_am_i()


def test_logging_out_ends_it_there_and_here(account, usher):
    logged_in(account)
    assert account.log_out() is True and usher.is_over
    with pytest.raises(NotLoggedIn):
        account.log_out()


def test_a_file_that_somebody_broke_is_no_login(account, tmp_path):
    logged_in(account)
    for content in ("", "[]", "{}", '{"url": 1}', "\x00"):
        (tmp_path / "config" / "usher" / "credentials.json").write_text(content)
        with pytest.raises(NotLoggedIn):
            account.access_token()


@POSIX
def test_a_login_that_cannot_be_kept_is_no_login(usher, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CredentialsUnkept):
        Account(tmp_path / "file").log_out()


@pytest.mark.skipif(sys.platform != "linux", reason="where Linux keeps it")
def test_it_is_kept_where_the_system_keeps_settings(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    assert default_config_dir() == tmp_path / "settings" / "usher"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert default_config_dir() == tmp_path / ".config" / "usher"


# the command


@pytest.fixture
def command(account, monkeypatch):
    """Runs the command with this account; answers its exit code."""
    monkeypatch.setattr("usher_client.command.Account", lambda: account)
    monkeypatch.setattr("webbrowser.open", lambda link: pytest.fail(f"opened {link}"))
    return lambda *arguments: main(arguments)


def test_the_command_logs_in_shows_who_it_is_and_logs_out_without_a_token_on_the_way(command, capsys, caplog):
    caplog.set_level("DEBUG")
    assert command("login", "--server", "https://usher.example", "--no-browser") == 0
    assert command("whoami") == 0
    assert command("whoami", "--json") == 0
    assert command("logout") == 0
    out, err = capsys.readouterr()
    assert "WDJB-MJHT" in out and "https://usher.example/device" in out
    assert "ann@example.com of Ann[2J Ltd, at https://usher.example" in out
    assert json.loads(out.splitlines()[-2])["email"] == "ann@example.com"
    assert "eyJ" not in out + err + caplog.text and "the-long-code" not in out + err + caplog.text
    assert command("whoami") == 1
    assert "usher-client login" in capsys.readouterr().err


def test_the_browser_is_opened_with_the_code(command, monkeypatch, capsys):
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert command("login", "--server", "https://usher.example") == 0
    assert opened == [CODES["verification_uri_complete"]] and "WDJB-MJHT" in capsys.readouterr().out


def test_wrong_use_is_said_and_is_exit_code_2(command, monkeypatch, capsys):
    monkeypatch.delenv("USHER_URL", raising=False)
    assert command("login") == 2
    assert command("login", "--server", "usher.example") == 2
    assert "https://" in capsys.readouterr().err
    for arguments in ([], ["sing"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2


def test_ctrl_c_gives_up_in_one_line(command, account, monkeypatch, capsys):
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(account, "log_in", interrupted)
    assert command("login", "--server", "https://usher.example") == 130
    assert capsys.readouterr().err.count("\n") == 2

"""`usher-client login` against the real Usher: the program waits, the person approves in a browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest

ROOT = Path(__file__).parents[2]
PASSWORD = "a long and windy road"
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


@pytest.fixture
def ann(engine) -> str:
    """Her address, confirmed."""
    email = "ann-who-logs-in@example.test"
    made = engine.users.register(email=email, password=PASSWORD, full_name="Ann", company_name="Ann & Co")
    link = engine.users.verification_link(made.user_id)
    engine.users.verify_email(parse_qs(urlsplit(link.url).query)["token"][0])
    return email


@pytest.fixture
def usher_client(api, tmp_path):
    """Starts the command, with its own place for credentials."""

    def start(*arguments: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "sdk" / "python"), "USHER_CONFIG_DIR": str(tmp_path)}
        environment["USHER_URL"] = api.url
        command = [sys.executable, "-m", "usher_client", *arguments]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def approve(url: str, email: str, code: str) -> None:
    with httpx.Client(base_url=url, follow_redirects=True, timeout=20) as browser:
        page = browser.get("/device", params={"user_code": code})
        page = browser.post("/login", data={**dict(HIDDEN.findall(page.text)), "email": email, "password": PASSWORD})
        assert code in page.text and "usher-client on" in page.text, page.text
        page = browser.post("/device", data={**dict(HIDDEN.findall(page.text)), "act": "approve"})
        assert "is signed in now" in page.text, page.text


def test_a_person_logs_a_machine_in_by_a_browser_and_out_again(engine, api, ann, usher_client, tmp_path):
    login = usher_client("login", "--no-browser")
    lines = [login.stdout.readline() for _ in range(2)]
    code = re.search(r"[A-Z]{4}-[A-Z]{4}", lines[1])[0]
    assert "/device" in lines[0]
    approve(api.url, ann, code)
    exit_code, out, err = ended(login)
    assert exit_code == 0 and f"{ann} of Ann & Co" in out, err
    assert ended(usher_client("whoami"))[1] == f"{ann} of Ann & Co, at {api.url}\n"
    kept = (tmp_path / "credentials.json").read_text()
    assert "eyJ" in kept and "eyJ" not in out + err
    assert ended(usher_client("logout"))[:2] == (0, "Logged out.\n")
    user_id = UUID(str(engine.personal_data.person_with(ann).user_id))
    assert [session.way for session in engine.users.sessions(user_id)] == ["password"], "the browser's own is left"
    assert ended(usher_client("whoami"))[0] == 1

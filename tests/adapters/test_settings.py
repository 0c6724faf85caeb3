"""What the environment may say, what is refused, and that nothing secret is ever shown."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adapters.environment import without_password
from adapters.settings import SETTINGS, Mode, Settings, SettingsInvalid

PRODUCTION = {
    "USHER_DATABASE_URL": "postgresql://usher:pw-of-db@db/usher",
    "USHER_REDIS_URL": "redis://:pw-of-redis@cache:6379/0",
    "USHER_SECRET_KEY": "s" * 32,
    "USHER_ADMIN_KEY": "usk_" + "a" * 16,
}


@pytest.fixture
def read(tmp_path):
    """Reads settings with the given names (without prefix) over an empty environment and a private data directory."""

    def read(environ=None, **given):
        environ = {"USHER_DATA_DIR": str(tmp_path / "data"), **(environ or {})}
        environ |= {f"USHER_{name}": value for name, value in given.items()}
        return Settings.from_environment(environ, dotenv=tmp_path / ".env")

    return read


def problems_of(read, environ=None, **given) -> tuple[str, ...]:
    with pytest.raises(SettingsInvalid) as caught:
        read(environ, **given)
    assert str(caught.value) == "\n".join(caught.value.problems)
    assert all("\n" not in problem for problem in caught.value.problems)
    return caught.value.problems


def test_without_anything_set_the_engine_is_an_embedded_sandbox(read, tmp_path):
    settings = read()
    assert (settings.mode, settings.database_url, settings.redis_url, settings.broker_url) == (
        Mode.SANDBOX,
        None,
        None,
        None,
    )
    assert settings.data_dir == tmp_path / "data"
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.log_format == "console"
    assert settings.warnings == ()


def test_with_a_database_of_its_own_the_engine_is_in_production(read):
    settings = read(PRODUCTION)
    assert settings.mode is Mode.PRODUCTION
    assert settings.broker_url == settings.redis_url == "redis://:pw-of-redis@cache:6379/0"
    assert settings.log_format == "json"


def test_the_embedded_default_makes_its_secrets_once_and_keeps_them_to_its_owner(read, tmp_path):
    first, second = read(), read()
    assert (first.secret_key, first.admin_key) == (second.secret_key, second.admin_key)
    assert len(first.secret_key) == 64
    assert first.admin_key.startswith("usk_")
    for name in ("secret_key", "admin_key"):
        assert stat.S_IMODE((tmp_path / "data" / name).stat().st_mode) == 0o600
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["admin_key", "secret_key"]


def test_processes_that_start_together_agree_on_the_secret(read):
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: read().secret_key, range(32)))
    assert len(set(keys)) == 1


def test_an_emptied_secret_is_not_replaced_by_a_new_one(read, tmp_path):
    read()
    (tmp_path / "data" / "secret_key").write_text("")
    assert "restore it from a backup" in problems_of(read)[0]


def test_a_data_directory_that_cannot_be_used_is_one_clear_line(read, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    (problem,) = problems_of(read, DATA_DIR=str(tmp_path / "file"))
    assert problem.startswith("USHER_DATA_DIR must be a folder")


def test_a_given_secret_wins_and_nothing_is_stored(read, tmp_path):
    settings = read(SECRET_KEY="given", ADMIN_KEY="usk_given")
    assert (settings.secret_key, settings.admin_key) == ("given", "usk_given")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"STRIPE_SECRET_KEY": "sk_live_abc"}, "USHER_STRIPE_SECRET_KEY is a live key in sandbox mode"),
        ({"STRIPE_SECRET_KEY": "rk_live_abc"}, "USHER_STRIPE_SECRET_KEY is a live key in sandbox mode"),
        ({"STRIPE_SECRET_KEY": "pk_test_abc"}, "USHER_STRIPE_SECRET_KEY is not a secret key"),
        ({"PORT": "0"}, "USHER_PORT is '0': use a whole number from 1 to 65535"),
        ({"PORT": "65536"}, "USHER_PORT is '65536': use a whole number from 1 to 65535"),
        ({"PORT": "8000x"}, "USHER_PORT is '8000x': use a whole number from 1 to 65535"),
        ({"PORT": "٨"}, "USHER_PORT is '٨': use a whole number from 1 to 65535"),
        ({"API_WORKERS": "-1"}, "USHER_API_WORKERS is '-1': use a whole number from 1 to 256"),
        ({"MODE": "prod"}, "USHER_MODE is 'prod': use one of sandbox, production"),
        ({"LOG_LEVEL": "loud"}, "USHER_LOG_LEVEL is 'loud': use one of debug, info, warning, error"),
        ({"REDIS_URL": "cache:6379"}, "USHER_REDIS_URL is not a URL that starts with redis:// or rediss://"),
        ({"REDIS_URL": "redis://"}, "USHER_REDIS_URL is not a URL"),
        ({"SMTP_URL": "http://mail"}, "USHER_SMTP_URL is not a URL that starts with smtp:// or smtps://"),
        ({"STRIPE_WEBHOOK_SECRET": "a,b,c"}, "USHER_STRIPE_WEBHOOK_SECRET names more than two secrets"),
        ({"REDIS_URL": "redis+cluster://a:1,b:1"}, "USHER_BROKER_URL is not set: tasks cannot be queued in a cluster"),
        (
            {"REDIS_URL": "redis+cluster://a:1,:2", "BROKER_URL": "redis://q"},
            "USHER_REDIS_URL is not redis+cluster://host:port,host:port with some nodes of a cluster: a host is",
        ),
        (
            {"REDIS_URL": "rediss+cluster://:hidden@a:port", "BROKER_URL": "redis://q"},
            "USHER_REDIS_URL is not redis+cluster://host:port,host:port with some nodes of a cluster: a port is",
        ),
        (
            {"REDIS_URL": "redis+cluster://a:1/2", "BROKER_URL": "redis://q"},
            "USHER_REDIS_URL is not redis+cluster://host:port,host:port with some nodes of a cluster: a cluster has",
        ),
        ({"BROKER_URL": "redis+cluster://a:1"}, "USHER_BROKER_URL is not a URL that starts with redis:// or rediss://"),
        ({"BROKER_URL": "amqp://queue"}, "USHER_BROKER_URL is not a URL that starts with redis:// or rediss://"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_to_do(read, tmp_path, given, problem):
    assert [found[: len(problem)] for found in problems_of(read, **given)] == [problem]
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"SECRET_KEY": ""}, "USHER_SECRET_KEY is not set: give it 32 or more random characters"),
        ({"ADMIN_KEY": " "}, "USHER_ADMIN_KEY is not set: give it 16 or more random characters"),
        ({"SECRET_KEY": "short"}, "USHER_SECRET_KEY is too short for production"),
        ({"STRIPE_API_BASE": "http://127.0.0.1:8001"}, "USHER_STRIPE_API_BASE is for sandbox mode only"),
        ({"DATABASE_URL": "mysql://db/usher"}, "USHER_DATABASE_URL is not a URL that starts with postgresql://"),
    ],
)
def test_production_refuses_what_would_hurt(read, given, problem):
    assert [found[: len(problem)] for found in problems_of(read, PRODUCTION, **given)] == [problem]


def test_a_sandbox_on_an_own_database_needs_its_secrets_too(read):
    assert len(problems_of(read, DATABASE_URL="postgresql://db/usher", MODE="sandbox")) == 2


def test_all_problems_are_told_at_once(read):
    problems = problems_of(read, PORT="x", MODE="y", STRIPE_SECRET_KEY="pk_z")
    assert [problem.split()[0] for problem in problems] == ["USHER_MODE", "USHER_PORT", "USHER_STRIPE_SECRET_KEY"]


def test_a_live_key_is_right_in_production_and_a_test_key_is_told(read):
    assert read(PRODUCTION, STRIPE_SECRET_KEY="sk_live_abc").stripe_secret_key == "sk_live_abc"
    warnings = read(PRODUCTION, STRIPE_SECRET_KEY="sk_test_abc").warnings
    assert "USHER_STRIPE_SECRET_KEY is a test key in production mode: no real money moves" in warnings


def test_stripes_mode_is_the_keys_and_without_one_our_own(read):
    assert read(STRIPE_SECRET_KEY="rk_test_abc").stripe_live is read().stripe_live is False
    assert read(PRODUCTION).stripe_live is read(PRODUCTION, STRIPE_SECRET_KEY="rk_live_abc").stripe_live is True
    assert read(PRODUCTION, STRIPE_SECRET_KEY="sk_test_abc").stripe_live is False


def test_a_misspelt_setting_is_told_with_the_right_name(read):
    (warning,) = read(STRIPE_WEBHOOK_SECRETS="whsec_x").warnings
    assert warning == "USHER_STRIPE_WEBHOOK_SECRETS is not a setting: did you mean USHER_STRIPE_WEBHOOK_SECRET?"


def test_two_webhook_secrets_may_live_side_by_side(read):
    assert read(STRIPE_WEBHOOK_SECRET="whsec_new, whsec_old").stripe_webhook_secrets == ("whsec_new", "whsec_old")


def test_only_commas_leave_the_webhook_endpoint_off(read):
    assert read(STRIPE_WEBHOOK_SECRET=" , ").stripe_webhook_secrets == ()


def test_the_environment_wins_over_the_dotenv_file(read, tmp_path):
    (tmp_path / ".env").write_text("USHER_PORT=9000\nUSHER_HOST='10.0.0.1'\nUSHER_SMTP_URL=smtp://u:a${b}c@mail\n")
    settings = read(PORT="9001")
    assert (settings.port, settings.host, settings.smtp_url) == (9001, "10.0.0.1", "smtp://u:a${b}c@mail")


def test_a_dotenv_file_that_is_no_text_is_one_clear_line(read, tmp_path):
    (tmp_path / ".env").write_bytes(b"USHER_PORT=\xff\xfe")
    assert "make it UTF-8 text" in problems_of(read)[0]


@pytest.mark.parametrize(
    ("host", "url"), [("0.0.0.0", "http://127.0.0.1:8000"), ("::", "http://[::1]:8000"), ("box", "http://box:8000")]
)
def test_the_public_url_is_an_address_one_can_open(read, host, url):
    assert read(HOST=host).public_url == url


def test_a_cluster_needs_a_broker_of_its_own(read):
    cluster = "rediss+cluster://usher:pw-of-redis@a.cache:7000,b.cache:7000"
    settings = read(PRODUCTION, REDIS_URL=cluster, BROKER_URL="redis://queue")
    assert (settings.redis_url, settings.broker_url) == (cluster, "redis://queue")
    assert settings.shown()["redis_url"] == "rediss+cluster://usher:***@a.cache:7000,b.cache:7000"
    assert Settings.from_environment(settings.as_environment(), None).redis_url == cluster


def test_started_servers_fill_only_what_was_not_given(read):
    settings = read(REDIS_URL="redis://cache").with_servers(database_url="postgresql://usher@/usher?host=%2Frun")
    assert settings.database_url == "postgresql://usher@/usher?host=%2Frun"
    assert settings.redis_url == settings.broker_url == "redis://cache"
    assert read().with_servers(redis_url="unix:///run/v.sock").broker_url == "unix:///run/v.sock"


def test_a_child_process_reads_the_very_same_settings(read, tmp_path):
    parent = read(STRIPE_WEBHOOK_SECRET="whsec_a,whsec_b", MAIL_FROM="Acme <a@acme.example>").with_servers(
        database_url="postgresql://usher@/usher?host=%2Frun", redis_url="unix:///run/v.sock"
    )
    (tmp_path / ".env").write_text("USHER_SMTP_URL=smtp://elsewhere\nUSHER_MODE=production\n")
    assert Settings.from_environment(parent.as_environment(), tmp_path / ".env") == parent


def test_nothing_secret_is_shown(read):
    secrets = {
        "STRIPE_SECRET_KEY": "sk_live_hidden1",
        "STRIPE_WEBHOOK_SECRET": "whsec_hidden2",
        "SMTP_URL": "smtp://user:hidden3@mail",
        "BROKER_URL": "redis://user:hid:@den4@queue",
        "DATABASE_URL": "postgresql://db/usher?user=u&password=hidden5&sslmode=require",
        "SECRET_KEY": "hidden6" * 8,
        "ADMIN_KEY": "usk_hidden7" * 4,
    }
    settings = read(PRODUCTION, **secrets)
    for text in (repr(settings), str(settings), str(settings.shown())):
        assert "hid" not in text.replace("set, hidden", "")
        assert "pw-of" not in text
        assert "den4" not in text
    assert settings.shown()["broker_url"] == "redis://user:***@queue"


def test_a_refusal_does_not_show_the_secret_it_refuses(read):
    refused = problems_of(read, STRIPE_SECRET_KEY="sk_live_hidden", SMTP_URL="http://u:hidden@mail", REDIS_URL="hidden")
    refused += problems_of(read, REDIS_URL="redis+cluster://:hidden", BROKER_URL="redis://queue")
    assert len(refused) == 4
    assert "hidden" not in str(refused)


@pytest.mark.parametrize(
    "url", ["http://mail", "redis://cache:6379/0", "unix:///run/v.sock?db=0", "postgresql://u@h:5/d"]
)
def test_a_url_without_password_is_shown_as_it_is(url):
    assert without_password(url) == url


def test_every_setting_is_documented_and_every_documented_one_is_read(read):
    assert {f"USHER_{setting.name}" for setting in SETTINGS} == set(read().as_environment())
    assert all(setting.meaning and setting.default and setting.example for setting in SETTINGS)


def test_the_settings_of_this_very_process_are_read_by_default(monkeypatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("USHER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("USHER_PORT", "8123")
    settings = Settings.from_environment()
    assert settings.port == 8123
    assert settings.data_dir == tmp_path / ".usher"


def test_a_login_provider_needs_both_halves_of_its_client_and_https_in_production(read):
    settings = read(GITHUB_CLIENT="id:a:secret", OIDC_CLIENT="id:secret", OIDC_ISSUER="http://127.0.0.1:9")
    assert (settings.github_client, settings.github_url) == ("id:a:secret", "https://github.com")
    assert "secret" not in repr(settings).replace("secret_key", "").replace("webhook_secret", "")
    assert len(problems_of(read, GOOGLE_CLIENT="only-an-id", GITHUB_CLIENT=":secret")) == 2
    for half in ({"OIDC_CLIENT": "id:secret"}, {"OIDC_ISSUER": "https://id.example.com"}):
        assert "go together" in problems_of(read, **half)[0]
    plain = {"OIDC_CLIENT": "id:secret", "OIDC_ISSUER": "http://id.example.com"}
    assert any("OIDC_ISSUER" in problem for problem in problems_of(read, PRODUCTION, **plain))

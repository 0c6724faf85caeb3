"""What the commands do to a real engine, and what they answer."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import orjson
import pytest

from domain.organization import Organization
from domain.provider_event import ProviderEvent
from projections.all import read_models
from projections.follower import Followers, connect

CATALOG = Path(__file__).parents[2] / "docs" / "catalogs" / "coditect.yaml"
NOBODY = UUID("6f1c1e0a-4a54-5d52-9d0b-75736865720a")


@pytest.fixture
def organization(services) -> UUID:
    organization = Organization.register(id=services.clock.new_id(), now=services.clock.now())
    services.store.add(organization)
    return organization.id


@pytest.fixture
def sold(engine, organization) -> dict:
    """A licence of CODITECT Pro, as the command answered it."""
    assert engine("catalog", "apply", CATALOG).code == 0
    return engine("license", "issue", "--organization", organization, "--plan", "pro", "--json").json


def follow(services) -> None:
    followers = Followers(services.database.url, services.codec.to_domain_event, read_models())
    with connect(services.database.url) as connection:
        followers.catch_up(connection)


def actors(services, stream: UUID) -> set[str]:
    rows = services.database.fetch_all("select distinct actor from stored_events where originator_id = %s", (stream,))
    return {row["actor"] for row in rows}


def test_a_catalogue_is_applied_once(engine):
    dry = engine("catalog", "apply", CATALOG, "--dry-run")
    assert dry.code == 0 and "Dry run: nothing was changed." in dry.out
    assert engine("catalog", "apply", CATALOG).out == dry.out.replace("Dry run: nothing was changed.\n", "")
    assert engine("catalog", "apply", CATALOG).out == "Nothing changes.\n"


def test_a_catalogue_that_is_shown_can_be_applied_again(engine, tmp_path):
    engine("catalog", "apply", CATALOG)
    shown = tmp_path / "shown.yaml"
    shown.write_text(engine("catalog", "show").out)
    assert engine("catalog", "apply", shown, "--json").json["changes"] == []


def test_a_wrong_catalogue_is_refused_with_line_and_path(engine, tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(CATALOG.read_text().replace("code: coditect,", "code: CODITECT!,", 1))
    said = engine("catalog", "apply", wrong)
    assert said.code == 1
    assert "products[0].code" in said.err and "line " in said.err


def test_a_file_that_is_not_there_is_named(engine):
    said = engine("catalog", "apply", "/no/such.yaml")
    assert (said.code, said.err) == (1, "usher: /no/such.yaml: No such file or directory\n")


def test_a_licence_is_issued_with_its_key_once(engine, services, sold):
    assert sold["status"] == "active" and sold["seats"]["limit"] == 10
    assert services.licenses.by_key(sold["license_key"]).id == UUID(sold["id"])
    shown = engine("license", "show", sold["id"], "--json").json
    assert "license_key" not in shown
    assert shown == {name: value for name, value in sold.items() if name != "license_key"}
    assert actors(services, UUID(sold["id"])) == {"operator"}


def test_a_licence_goes_through_the_vendors_hands(engine, sold):
    def status(*command: object) -> str:
        return engine("license", *command, "--reason", "asked for", "--json").json["status"]

    id = sold["id"]
    assert status("suspend", id) == "suspended"
    assert status("reinstate", id) == "active"
    assert engine("license", "resize", id, "--seats", 4, "--reason", "less", "--json").json["seats"]["limit"] == 4
    extended = engine("license", "extend", id, "--expires-at", "2040-01-31", "--reason", "gift", "--json").json
    assert extended["expires_at"] == "2040-01-31T00:00:00Z"
    assert (
        engine("license", "extend", id, "--expires-at", "never", "--reason", "x", "--json").json["expires_at"] is None
    )
    rotated = engine("license", "rotate-key", id, "--reason", "lost", "--json").json
    assert rotated["license_key"] != sold["license_key"]
    assert status("revoke", id) == "revoked"


def test_what_the_business_refuses_is_its_sentence(engine, sold):
    said = engine("license", "show", NOBODY)
    assert (said.code, said.err) == (1, f"usher: There is no license {NOBODY}.\n")
    engine("license", "revoke", sold["id"], "--reason", "fraud")
    refused = engine("license", "suspend", sold["id"], "--reason", "again", "--json")
    assert refused.code == 1 and refused.json["error"]["code"] == "license_revoked"


def test_signing_keys_are_listed_and_rotated(engine):
    (old,) = engine("keys", "list", "--json").json
    new = engine("keys", "rotate", "--overlap", "P7D", "--json").json
    assert new["public_key"].startswith("-----BEGIN PUBLIC KEY-----")
    by_kid = {key["kid"]: key for key in engine("keys", "list", "--json").json}
    assert by_kid[old["kid"]]["valid_until"] is not None and by_kid[new["kid"]]["valid_until"] is None


def test_admin_keys_are_made_and_revoked(engine, services):
    made = engine("api-keys", "create", "second admin", "--json").json
    assert made["scopes"] == ["admin"]
    assert services.api_keys.identify(made["secret"]) is not None
    assert made["id"] in {key["id"] for key in engine("api-keys", "list", "--json").json}
    assert engine("api-keys", "revoke", made["id"]).code == 0
    assert services.api_keys.identify(made["secret"]) is None


def test_a_key_of_an_organization_has_the_scopes_that_are_named(engine, organization):
    assert engine("api-keys", "create", "ci", "--organization", organization).code == 2
    made = engine("api-keys", "create", "ci", "--organization", organization, "--scope", "audit", "--json").json
    assert (made["organization_id"], made["scopes"]) == (str(organization), ["audit"])


def test_a_follower_that_has_stopped_is_shown(engine, services, sold):
    assert engine("projections", "status").code == 0
    services.database.execute("update follower_positions set error = 'KeyError: x' where name = 'licenses'")
    said = engine("projections", "status", "--json")
    assert said.code == 1
    assert {row["name"]: row["state"] for row in said.json}["licenses"] == "stopped: KeyError: x"


def test_read_models_are_rebuilt(engine, services, sold):
    follow(services)
    services.database.execute("delete from licenses")
    assert engine("projections", "rebuild", "licenses").out.startswith("Rebuilt licenses up to position ")
    assert services.database.fetch_one("select count(*) as n from licenses") == {"n": 1}
    assert {each["name"] for each in engine("projections", "rebuild", "--json").json} >= {"licenses", "seats", "audit"}


def test_webhooks_are_listed_and_tried_again(engine, services):
    body = {"id": "evt_1", "type": "customer.created", "created": 1_700_000_000}
    at = datetime.fromtimestamp(body["created"], UTC)
    received, rows = services.billing.receive("stripe", "evt_1", "customer.created", at, orjson.dumps(body))
    services.store.add(received, rows=rows)
    services.store.change(ProviderEvent, received.id, lambda event: event.fail(error="KeyError", now=at))
    follow(services)
    (listed,) = engine("provider-events", "list", "--status", "failed", "--json").json
    assert (listed["id"], listed["event"], listed["problem"]) == (str(received.id), "evt_1", "KeyError")
    assert engine("provider-events", "retry", received.id).out == f"{received.id} is received\n"


def test_anything_is_shown_as_it_was(engine, sold):
    engine("license", "suspend", sold["id"], "--reason", "unpaid")
    now = engine("events", "show", "license", sold["id"], "--json").json
    before = engine("events", "show", "license", sold["id"], "--version", 1, "--json").json
    assert (before["state"]["status"], now["state"]["status"]) == ("active", "suspended")
    assert [event["type"] for event in now["events"]] == ["license.issued", "license.suspended"]
    assert "suspended" in engine("events", "show", "license", sold["id"]).out


def test_the_log_is_exported_as_json_lines_or_csv(engine, services, sold, tmp_path):
    follow(services)
    lines = [json.loads(line) for line in engine("events", "export").out.splitlines()]
    assert [line["position"] for line in lines] == sorted(line["position"] for line in lines)
    file = tmp_path / "events.csv"
    engine("events", "export", "--format", "csv", "--output", file, "--stream", "license")
    (row,) = csv.DictReader(io.StringIO(file.read_text()))
    assert (row["type"], row["stream_id"]) == ("license.issued", sold["id"])


def test_the_log_is_followed_from_a_position(engine, services, sold):
    follow(services)
    (line,) = engine("events", "tail", "--no-follow", "--stream", "license", "--after", 0).out.splitlines()
    assert sold["id"] in line and "license.issued" in line


def test_a_whole_log_is_verified(engine, services, sold):
    follow(services)
    said = engine("events", "verify", "--json")
    assert said.code == 0
    assert said.json.keys() == {
        "events",
        "streams",
        "undecodable",
        "seat_conflicts",
        "over_limit",
        "read_model_differences",
        "billing_differences",
        "doubtful_invoices",
        "ok",
    }
    assert said.json["ok"] is True


def test_a_read_model_that_was_tampered_with_is_found(engine, services, sold):
    follow(services)
    services.database.execute("update licenses set seats = 1000")
    said = engine("events", "verify")
    assert said.code == 1
    assert "read_model_differences: table licenses" in said.out


def test_the_doctor_names_every_setting_and_hides_the_secrets(engine, settings):
    said = engine("doctor")
    assert "USHER_DATABASE_URL" in said.out and "USHER_LOG_FORMAT" in said.out
    assert settings.secret_key not in said.out and settings.admin_key not in said.out


def test_the_doctor_finds_what_is_missing_and_says_what_to_do(engine):
    said = engine("doctor", "--json")
    assert said.code == 1
    checks = {check["name"]: check for check in said.json["checks"]}
    assert checks["postgres"]["ok"] and checks["redis"]["ok"] and checks["schema"]["ok"]
    assert checks["tenant wall"]["ok"] and "stands around" in checks["tenant wall"]["detail"]
    assert checks["processes"]["detail"] == "no sign of life of worker, projector, dispatcher, scheduler"
    assert checks["processes"]["fix"] == "start `usher worker` (or everything: `usher up`)"


def test_the_doctor_finds_a_gap_in_the_wall_between_tenants(engine, services):
    services.database.execute("alter table invoices disable row level security")
    said = engine("doctor")
    assert said.code == 1
    assert "WRONG  tenant wall: invoices has no row-level security" in said.out


def test_the_doctor_says_who_invoices_say_sells(engine, services, sold):
    def said() -> str:
        return {check["name"]: check["detail"] for check in engine("doctor", "--json").json["checks"]}["papers"]

    assert "put `vendor:`" in said()
    file = f"{CATALOG.read_text()}vendor: {{name: Acme Ltd, address: [1 Road, London]}}\n"
    services.catalog.apply(services.catalog.read(file))
    assert said() == "invoices are printed in the name of Acme Ltd, London"


def test_the_doctor_finds_redis_away(engine, monkeypatch):
    monkeypatch.setenv("USHER_REDIS_URL", "redis://127.0.0.1:1/0")
    checks = {check["name"]: check for check in engine("doctor", "--json").json["checks"]}
    assert (checks["redis"]["ok"], checks["redis"]["fix"]) == (False, "start it, or correct USHER_REDIS_URL")
    assert checks["postgres"]["ok"]


def test_the_doctor_says_to_start_an_engine_when_there_is_none(usher, tmp_path):
    said = usher("doctor", "--json", "--data", tmp_path / "nothing")
    assert said.code == 1
    (check,) = said.json["checks"]
    assert check["name"] == "engine" and check["fix"].startswith("start it with `usher up`")

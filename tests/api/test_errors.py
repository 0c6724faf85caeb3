"""Bad input and broken parts: one shape, a right status, nothing stored, nothing given away."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from html import escape

import pytest
from eventsourcing.persistence import IntegrityError
from fastapi import APIRouter

from adapters.bootstrap import Services
from api import errors
from api.app import HOT, create_app
from api.auth import ANYBODY
from api.middleware import LARGEST_BODY
from domain.errors import LeaseInvalid, LicenseKeyInvalid, SeatsExhausted, Unavailable, UsherError
from domain.rate import Allowance
from tests.api.people_engine import Client, people_engine, refused

JSON = {"Content-Type": "application/json"}
PERSON = {"email": "ann@example.com", "password": "a long road", "full_name": "Ann", "company_name": "Ann & Co"}
broken = APIRouter(dependencies=[ANYBODY])


class Secret(Exception):
    """What no answer may repeat."""


@broken.get("/broken/{how}")
def break_down(how: str) -> None:
    rated = Unavailable(retry_after=7)
    rated.allowance = Allowance(10, 3, 42)
    raise {
        "unknown": Secret("password=hunter2 in /srv/usher"),
        "away": rated,
        "conflict": IntegrityError("duplicate key value violates stored_events"),
        "seats": SeatsExhausted(limit=10, used=10, retry_after=5),
        "lease": LeaseInvalid(),
        "license": LicenseKeyInvalid(),
    }[how]


@pytest.fixture
def services(settings) -> Iterator[Services]:
    with people_engine(settings) as services:
        yield services


@pytest.fixture
def answered() -> list[tuple[str, int]]:
    return []


@pytest.fixture
def client(services, answered) -> Client:
    def note(scope, status, seconds) -> None:
        answered.append((scope["path"], status))

    return Client(create_app(services, more=[broken], on_answer=note))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'"text"',
        b'{"email": 5}',
        b"[" * 100_000,
        b'{"email": "a@example.com", "password": "x", "full_name": "\\u0000", "company_name": "x"}',
        json.dumps(PERSON | {"full_name": "Ann\nBcc: all@example.com"}).encode(),
        json.dumps(PERSON | {"full_name": "x" * 201}).encode(),
        json.dumps(PERSON | {"full_name": "   "}).encode(),
        json.dumps(PERSON | {"password": "\ud800 long enough"}).encode(),
        json.dumps(PERSON | {"role": "admin"}).encode(),
        json.dumps(PERSON | {"email": "ann"}).encode(),
        json.dumps(PERSON | {"email": "ann@example.com\u0000"}).encode(),
        json.dumps(PERSON | {"email": ["ann@example.com"]}).encode(),
        json.dumps(PERSON | {"email": "a" * 250 + "@example.com"}).encode(),
        b'{"email": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_body_that_does_not_fit_is_refused_and_nothing_is_stored(client, services, body):
    refused(client.post("/auth/register", content=body, headers=JSON), 422, "invalid_request")
    assert services.store.recorder.max_notification_id() is None


def test_the_fields_that_are_wrong_are_named_and_not_repeated(client):
    body = PERSON | {"email": "hunter2", "password": "", "surprise": "hunter3"}
    response = client.post("/auth/register", json=body)
    fields = {field["field"] for field in refused(response, 422, "invalid_request")["details"]["fields"]}
    assert fields == {"email", "password", "surprise"}
    assert "hunter" not in response.text


def test_a_body_of_another_type_is_refused(client):
    response = client.post("/auth/register", content=json.dumps(PERSON), headers={"Content-Type": "text/plain"})
    refused(response, 422, "invalid_request")


def test_a_body_over_the_limit_is_refused_before_it_is_read(client):
    refused(client.post("/auth/register", content=b"x" * (LARGEST_BODY + 1), headers=JSON), 413, "too_large")
    refused(client.post("/auth/login", content=b"x", headers={"Content-Length": "99999999999"}), 413, "too_large")


def test_a_body_of_unknown_length_is_stopped_at_the_limit(client):
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(LARGEST_BODY // 65536 + 1):
            yield b"x" * 65536

    refused(client.post("/auth/register", content=endless(), headers=JSON), 413, "too_large")


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpw",
        "Bearer usk_unknown",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Bearer x y",
        "Bearer " + "x" * 5000,
    ],
)
def test_a_credential_that_does_not_hold_is_refused(client, authorization):
    for path in ("/me", "/api-keys", "/admin/users"):
        response = client.get(path, headers={"Authorization": authorization})
        refused(response, 401, "not_authenticated")
        assert response.headers["WWW-Authenticate"] == "Bearer"


def test_each_credential_names_its_own_scheme(client):
    for how, scheme, code in (("lease", "Lease", "lease_invalid"), ("license", "License", "license_key_invalid")):
        response = client.get(f"/broken/{how}")
        refused(response, 401, code)
        assert response.headers["WWW-Authenticate"] == scheme


def test_an_address_or_a_method_that_is_not_there_is_refused(client):
    for path in ("/nothing", "//nothing", "/me/", "//.env", "/organizations/../../etc"):
        refused(client.get(path), 404, "not_found")
    response = client.call("PUT", "/auth/login")
    refused(response, 405, "method_not_allowed")
    assert response.headers["Allow"] == "POST"


def test_what_breaks_inside_is_answered_without_its_message(client, answered):
    response = client.get("/broken/unknown")
    refused(response, 500, "internal_error")
    assert "hunter2" not in response.text and "Secret" not in response.text
    assert answered == [("/api/v1/broken/unknown", 500)]


def test_a_part_that_is_away_says_when_to_come_again(client):
    response = client.get("/broken/away")
    assert refused(response, 503, "unavailable")["retry_after"] == 7
    assert response.headers["Retry-After"] == "7"
    rate = [response.headers[f"RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")]
    assert rate == ["10", "3", "42"]


def test_a_lost_race_in_the_log_is_a_conflict(client):
    response = client.get("/broken/conflict")
    refused(response, 409, "concurrent_change")
    assert "stored_events" not in response.text


def test_details_are_given(client):
    error = refused(client.get("/broken/seats"), 429, "seats_exhausted")
    assert error["details"] == {"limit": 10, "used": 10} and error["retry_after"] == 5


def test_every_answer_carries_its_id_and_the_security_headers(client):
    for path in ("/me", "//docs/errors", "/nothing", "/broken/unknown", "//openapi.json", "//docs"):
        headers = client.get(path).headers
        assert len(headers["X-Request-Id"]) == 24
        assert headers["Strict-Transport-Security"].startswith("max-age=")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Cache-Control"] == "no-store"


def test_the_clients_own_request_id_is_taken_when_it_is_decent(client):
    assert client.get("/me", headers={"X-Request-Id": "abc-123"}).headers["X-Request-Id"] == "abc-123"
    for id in ("x" * 129, "a b", "tab\there", ""):
        assert client.get("/me", headers={"X-Request-Id": id}).headers["X-Request-Id"] != id


@pytest.mark.parametrize("key", ["", "x" * 256, "\x7f"])
def test_an_idempotency_key_that_is_none_is_refused(client, key):
    response = client.post("/auth/register", json=PERSON, headers={"Idempotency-Key": key})
    assert refused(response, 422, "invalid_request")["details"]["fields"][0]["field"] == "Idempotency-Key"


def test_absurd_pages_are_refused(client, services):
    services.api_keys.ensure_admin_key(services.settings.admin_key)
    admin = client.as_(services.settings.admin_key)
    for query in (
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=9" + "9" * 5000,
        "after=" + "x" * 1001,
        "q=%00",
        "status=x",
    ):
        refused(admin.get(f"/admin/users?{query}"), 422, "invalid_request")
    refused(admin.get("/organizations/not-an-id"), 422, "invalid_request")


def test_every_error_is_explained_where_its_answer_points_to(client):
    page = client.get("//docs/errors").text
    for code, status, sentence in errors.all_errors():
        assert f'<div id="{code}"><dt>{code} · {status}</dt><dd>{escape(sentence)}</dd>' in page
        assert 400 <= status < 600


def test_no_refusal_falls_through_the_table():
    unmapped = [kind for kind in all_below(UsherError) if errors.status_of(bare(kind)) == errors.STATUS[UsherError]]
    of_rfc_8628 = {"AuthorizationPending", "SlowDown", "AccessDenied", "ExpiredToken"}
    assert {kind.__name__ for kind in unmapped} == {"SignatureInvalid", *of_rfc_8628}


def all_below(kind: type[UsherError]) -> Iterator[type[UsherError]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from all_below(sub)


def bare(kind: type[UsherError]) -> UsherError:
    """An instance without what its constructor asks for: only its class matters here."""
    return kind.__new__(kind)


UNLIMITED = {"/api/v1/plans", "/api/v1/plans/{code}", "/health/live", "/health/ready", "/metrics"} | {
    *("/.well-known/usher-keys.json", "/api/v1/sandbox/clock", "/api/v1/sandbox/mails"),
    "/api/v1/sandbox/mails/{mail_id}/attachments/{name}",
}


def test_the_document_knows_every_error_answer_of_every_route(client):
    document = client.get("//openapi.json").json()
    assert document["paths"]
    hot = {route.path for route in HOT}  # these name just the refusals that they know; test_contract.py checks them
    for path, methods in document["paths"].items():
        for method, operation in methods.items() if path not in hot else ():
            told = {str(status) for status in errors.RESPONSES} - ({"429"} if path in UNLIMITED else set())
            assert told <= set(operation["responses"]), (path, method)
            assert ("429" in operation["responses"]) is (path not in UNLIMITED), (path, method)
            answer = operation["responses"]["422"]["content"]["application/json"]["schema"]
            assert answer == {"$ref": "#/components/schemas/ErrorAnswer"}

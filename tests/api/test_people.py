"""People from the outside: registering, logging in, passwords, leaving, and programs' keys."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from adapters.bootstrap import Services
from application.attribution import acting
from domain.user import User
from tests.api.people_engine import Client, erased, refused

PASSWORD = "a long and windy road"
ANN = {"email": "Ann@Example.com", "password": PASSWORD, "full_name": "Ann Author", "company_name": "Ann & Co"}


def token_of(link) -> str:
    return parse_qs(urlsplit(link.url).query)["token"][0]


def registered(client: Client, **other: str) -> dict[str, str]:
    response = client.post("/auth/register", json=ANN | other)
    assert response.status_code == 201, response.text
    return response.json()


def verified(client: Client, services: Services, **other: str) -> dict[str, str]:
    made = registered(client, **other)
    link = services.users.verification_link(UUID(made["user_id"]))
    assert client.get(f"/auth/verify-email?token={token_of(link)}").json()["email_verified"] is True
    return made


def logged_in(client: Client, email: str = "ann@example.com", password: str = PASSWORD) -> dict[str, str]:
    response = client.post("/auth/login", json={"email": email, "password": password})
    assert response.status_code == 200, response.text
    return response.json()


def person(client: Client, services: Services, **other: str) -> Client:
    verified(client, services, **other)
    return client.as_(logged_in(client, (ANN | other)["email"])["access_token"])


def topics(services: Services, stream: str) -> list[str]:
    sql = "select topic from stored_events where originator_id = %s order by notification_id"
    return [row["topic"] for row in services.database.fetch_all(sql, (stream,))]


# registering


def test_a_person_registers_confirms_and_logs_in(client, services):
    made = registered(client)
    refused(
        client.post("/auth/login", json={"email": "ann@example.com", "password": PASSWORD}), 403, "email_not_verified"
    )
    link = services.users.verification_link(UUID(made["user_id"]))
    assert link.url.startswith(f"{services.settings.public_url}/api/v1/auth/verify-email?token=")
    assert client.get(f"/auth/verify-email?token={token_of(link)}").status_code == 200
    tokens = logged_in(client)
    assert tokens["expires_in"] == 900
    me = client.as_(tokens["access_token"]).get("/me").json()
    assert me["user_id"] == made["user_id"] and me["organization_id"] == made["organization_id"]
    assert (me["email"], me["full_name"], me["company_name"]) == ("Ann@example.com", "Ann Author", "Ann & Co")


def test_opening_the_confirmation_twice_is_recorded_once_and_offers_no_link_after(client, services):
    made = registered(client)
    token = token_of(services.users.verification_link(UUID(made["user_id"])))
    for _ in range(2):
        assert client.get(f"/auth/verify-email?token={token}").status_code == 200
    assert topics(services, made["user_id"]) == ["user.registered", "user.email_verified"]
    assert services.users.verification_link(UUID(made["user_id"])) is None


def test_a_browser_that_opens_the_confirmation_gets_a_page(client, services):
    made = registered(client)
    token = token_of(services.users.verification_link(UUID(made["user_id"])))
    page = client.get(f"/auth/verify-email?token={token}", headers={"Accept": "text/html,*/*"})
    assert page.status_code == 200 and "confirmed" in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")


def test_a_confirmation_link_ends_after_two_days(client, services):
    made = registered(client)
    token = token_of(services.users.verification_link(UUID(made["user_id"])))
    services.clock.advance(timedelta(days=2, seconds=1))
    refused(client.get(f"/auth/verify-email?token={token}"), 400, "signature_invalid")


def test_an_address_registers_once_whatever_its_letters(client):
    registered(client)
    refused(client.post("/auth/register", json=ANN | {"email": "ANN@example.COM"}), 409, "email_taken")


def test_of_many_who_register_one_address_at_once_one_wins(client):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.post("/auth/register", json=ANN), range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert {answer.json()["error"]["code"] for answer in answers if answer.status_code == 409} == {"email_taken"}


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "characters"),
        ("x" * 257, "characters"),
        ("password1", "common"),
        ("QWERTY123", "common"),
        ("Ann@Example.com", "e-mail"),
    ],
)
def test_a_weak_password_is_refused_with_the_reason(client, services, password, reason):
    error = refused(client.post("/auth/register", json=ANN | {"password": password}), 422, "invalid_request")
    [field] = error["details"]["fields"]
    assert field["field"] == "password" and reason in field["message"]
    assert services.store.recorder.max_notification_id() is None


def test_nothing_personal_is_in_the_log(client, services):
    made = verified(client, services)
    me = client.as_(logged_in(client)["access_token"])
    me.patch("/me", json={"full_name": "Anna Other", "company_name": "Other Ltd"})
    log = str(services.database.fetch_all("select state::text, actor, cause from stored_events")).lower()
    for word in ("ann", "example.com", "other", "argon2", PASSWORD):
        assert word not in log.replace("channel", "")
    assert topics(services, made["organization_id"]) == ["organization.registered", "organization.renamed"]


def test_what_a_person_does_is_attributed_to_it(client, services):
    made = verified(client, services)
    answer = client.as_(logged_in(client)["access_token"]).patch("/me", json={"full_name": "Anna"})
    sql = "select actor, cause from stored_events where topic = 'user.renamed'"
    assert services.database.fetch_one(sql) == {
        "actor": f"user:{made['user_id']}",
        "cause": f"request:{answer.headers['X-Request-Id']}",
    }


# logging in


def test_a_wrong_password_and_an_unknown_address_look_the_same(client, services):
    verified(client, services)
    wrong = refused(
        client.post("/auth/login", json={"email": ANN["email"], "password": "wrong"}), 401, "not_authenticated"
    )
    unknown = refused(
        client.post("/auth/login", json={"email": "no@example.com", "password": PASSWORD}), 401, "not_authenticated"
    )
    assert wrong["message"] == unknown["message"]


def test_guessing_passwords_is_slowed_down(client, services):
    verified(client, services)
    answers = [client.post("/auth/login", json={"email": ANN["email"], "password": "wrong"}) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    error = refused(answers[-1], 429, "rate_limited")
    assert error["retry_after"] >= 1 and int(answers[-1].headers["Retry-After"]) == error["retry_after"]
    assert answers[-1].headers["RateLimit-Remaining"] == "0"


def test_an_access_token_ends_after_a_quarter_of_an_hour(client, services):
    me = person(client, services)
    services.clock.advance(timedelta(minutes=14))
    assert me.get("/me").status_code == 200
    services.clock.advance(timedelta(minutes=1))
    refused(me.get("/me"), 401, "not_authenticated")


def test_a_refresh_token_gives_the_next_pair(client, services):
    verified(client, services)
    first = logged_in(client)
    second = client.post("/auth/refresh", json={"refresh_token": first["refresh_token"]}).json()
    third = client.post("/auth/refresh", json={"refresh_token": second["refresh_token"]}).json()
    assert len({first["refresh_token"], second["refresh_token"], third["refresh_token"]}) == 3
    assert client.as_(third["access_token"]).get("/me").status_code == 200


def test_a_refresh_token_that_comes_twice_ends_the_whole_session_and_no_other(client, services):
    made = verified(client, services)
    stolen, elsewhere = logged_in(client), logged_in(client)
    newest = client.post("/auth/refresh", json={"refresh_token": stolen["refresh_token"]}).json()
    for token in (stolen, newest, stolen):
        refused(client.post("/auth/refresh", json={"refresh_token": token["refresh_token"]}), 401, "not_authenticated")
    assert client.post("/auth/refresh", json={"refresh_token": elsewhere["refresh_token"]}).status_code == 200
    assert topics(services, made["user_id"]).count("user.refresh_token_reused") == 1


def test_of_many_who_refresh_with_one_token_at_once_one_at_most_wins_and_nobody_stays(client, services):
    verified(client, services)
    token = logged_in(client)["refresh_token"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.post("/auth/refresh", json={"refresh_token": token}), range(8)))
    winners = [answer for answer in answers if answer.status_code == 200]
    assert len(winners) == 1 and {answer.status_code for answer in answers} == {200, 401}
    refused(
        client.post("/auth/refresh", json={"refresh_token": winners[0].json()["refresh_token"]}),
        401,
        "not_authenticated",
    )


def test_logging_out_ends_the_session_and_may_be_repeated(client, services):
    verified(client, services)
    token = {"refresh_token": logged_in(client)["refresh_token"]}
    assert [client.post("/auth/logout", json=token).status_code for _ in range(2)] == [204, 204]
    refused(client.post("/auth/refresh", json=token), 401, "not_authenticated")


def test_a_token_of_one_purpose_serves_no_other(client, services):
    made = verified(client, services)
    tokens, reset = logged_in(client), services.users.reset_link(UUID(made["user_id"]))
    for other in (tokens["refresh_token"], token_of(reset)):
        refused(client.as_(other).get("/me"), 401, "not_authenticated")
    refused(client.post("/auth/refresh", json={"refresh_token": tokens["access_token"]}), 401, "not_authenticated")
    refused(client.get(f"/auth/verify-email?token={token_of(reset)}"), 400, "signature_invalid")


# passwords


def test_forgetting_answers_the_same_for_everybody_and_records_it_for_those_who_exist(client, services):
    made = verified(client, services)
    known = client.post("/auth/forgot-password", json={"email": "ann@EXAMPLE.com"})
    unknown = client.post("/auth/forgot-password", json={"email": "nobody@example.com"})
    assert (known.status_code, known.json()) == (202, unknown.json()) and unknown.status_code == 202
    assert topics(services, made["user_id"])[-1] == "user.password_reset_requested"
    assert len(topics(services, made["user_id"])) == 3


def test_a_mailbox_is_not_flooded_with_reset_mails(client, services):
    made = verified(client, services)
    answers = [client.post("/auth/forgot-password", json={"email": "ann@example.com"}) for _ in range(7)]
    assert {answer.status_code for answer in answers} == {202}
    assert topics(services, made["user_id"]).count("user.password_reset_requested") == 5


def test_a_reset_link_sets_a_password_once_and_ends_every_session(client, services):
    made = verified(client, services)
    before = logged_in(client)
    first, second = (token_of(services.users.reset_link(UUID(made["user_id"]))) for _ in range(2))
    assert client.post("/auth/reset-password", json={"token": first, "password": "another road"}).status_code == 204
    for used in (first, second):
        answer = client.post("/auth/reset-password", json={"token": used, "password": "a third road"})
        refused(answer, 400, "signature_invalid")
    refused(client.post("/auth/refresh", json={"refresh_token": before["refresh_token"]}), 401, "not_authenticated")
    refused(client.post("/auth/login", json={"email": ANN["email"], "password": PASSWORD}), 401, "not_authenticated")
    assert logged_in(client, password="another road")


def test_a_reset_link_proves_the_address_too(client, services):
    made = registered(client)
    token = token_of(services.users.reset_link(UUID(made["user_id"])))
    assert client.post("/auth/reset-password", json={"token": token, "password": "another road"}).status_code == 204
    assert logged_in(client, password="another road")


def test_the_page_of_a_reset_link_sets_the_password_too(client, services):
    made = verified(client, services)
    link = urlsplit(services.users.reset_link(UUID(made["user_id"])).url)
    form = client.get(f"/{link.path}?{link.query}")
    assert form.status_code == 200 and f'value="{token_of_query(link.query)}"' in form.text
    fields = {"token": token_of_query(link.query), "password": "qwerty123"}
    weak = client.post(f"/{link.path}", data=fields)
    assert weak.status_code == 422 and "most common" in weak.text
    assert client.post(f"/{link.path}", data=fields | {"password": "another road"}).status_code == 200
    assert logged_in(client, password="another road")
    assert client.post(f"/{link.path}", data=fields | {"password": "a third road"}).status_code == 400


def token_of_query(query: str) -> str:
    return parse_qs(query)["token"][0]


def test_changing_the_password_needs_the_old_one_and_ends_the_other_sessions(client, services):
    me = person(client, services)
    other = logged_in(client)
    wrong = {"current_password": "wrong", "new_password": "another road"}
    refused(me.post("/auth/change-password", json=wrong), 401, "not_authenticated")
    weak = {"current_password": PASSWORD, "new_password": "password1"}
    error = refused(me.post("/auth/change-password", json=weak), 422, "invalid_request")
    assert error["details"]["fields"][0]["field"] == "new_password"
    fresh = me.post("/auth/change-password", json={"current_password": PASSWORD, "new_password": "another road"}).json()
    refused(client.post("/auth/refresh", json={"refresh_token": other["refresh_token"]}), 401, "not_authenticated")
    assert client.post("/auth/refresh", json={"refresh_token": fresh["refresh_token"]}).status_code == 200


# leaving


def test_an_erased_person_leaves_history_without_a_name(client, services):
    me = person(client, services)
    made = me.get("/me").json()
    key = me.post("/api-keys", json={"name": "ci", "scopes": ["licenses:read"]}).json()
    refresh = logged_in(client)["refresh_token"]
    erased(services, me)
    refused(me.get("/me"), 401, "not_authenticated")
    refused(me.delete("/me"), 401, "not_authenticated")
    refused(client.post("/auth/refresh", json={"refresh_token": refresh}), 401, "not_authenticated")
    refused(client.post("/auth/login", json={"email": ANN["email"], "password": PASSWORD}), 401, "not_authenticated")
    refused(client.as_(key["secret"]).get("/api-keys"), 401, "not_authenticated")
    assert topics(services, made["user_id"])[-1] == "user.erased"
    for table in ("people", "organization_contacts", "login_sessions"):
        assert services.database.fetch_all(f"select * from {table}") == []
    registered(client)


def test_an_export_has_everything_that_is_kept(client, services):
    me = person(client, services)
    me.post("/api-keys", json={"name": "ci", "scopes": ["licenses:read"]})
    export = me.get("/me/export").json()
    assert export["person"][0]["email"] == me.get("/me").json()["email"]
    assert len(export["sessions"]) == 1 and export["api_keys"][0]["name"] == "ci"
    assert [item["type"] for item in export["history"]] == ["user.registered", "user.email_verified"]
    assert "secret" not in str(export) and "hash" not in str(export)


# organizations


def test_another_organization_is_as_absent_as_none(client, services, admin):
    ann, bob = person(client, services), person(client, services, email="bob@example.com")
    own = ann.get("/me").json()["organization_id"]
    assert ann.get(f"/organizations/{own}").json()["name"] == "Ann & Co"
    assert admin.get(f"/organizations/{own}").status_code == 200
    others = refused(bob.get(f"/organizations/{own}"), 404, "not_found")
    none = refused(bob.get(f"/organizations/{UUID(int=7)}"), 404, "not_found")
    assert others["message"].replace(own, "") == none["message"].replace(str(UUID(int=7)), "")


def test_the_vendor_lists_and_searches_everybody_in_pages(client, services, admin):
    verified(client, services)
    for number in range(4):
        registered(client, email=f"p{number}@example.com", company_name="100%_sure")
    first = admin.get("/admin/users?limit=2")
    assert first.headers["X-Log-Position"] == str(services.store.recorder.max_notification_id())
    second = admin.get(f"/admin/users?limit=2&after={first.json()['next']}").json()
    third = admin.get(f"/admin/users?limit=2&after={second['next']}").json()
    shown = [item["email"] for page in (first.json(), second, third) for item in page["data"]]
    assert shown == ["Ann@example.com", *(f"p{number}@example.com" for number in range(4))]
    assert third["next"] is None
    assert [item["email"] for item in admin.get("/admin/users?status=active").json()["data"]] == ["Ann@example.com"]
    assert len(admin.get("/admin/users", params={"q": "100%_s"}).json()["data"]) == 4
    assert admin.get("/admin/users", params={"q": "100_%"}).json()["data"] == []
    assert len(admin.get("/admin/organizations", params={"q": "ANN & co"}).json()["data"]) == 1
    refused(person(client, services, email="z@example.com").get("/admin/users"), 403, "not_allowed")


def test_a_cursor_from_elsewhere_is_refused(client, services, admin):
    for number in range(2):
        registered(client, email=f"p{number}@example.com")
    cursor = admin.get("/admin/users?limit=1").json()["next"]
    for bad in (cursor, cursor[:-2], "x", "%00", "eyJ9", ""):
        refused(admin.get(f"/admin/organizations?after={bad}"), 422, "invalid_request")


def test_only_a_proven_address_says_whose_organization_a_payer_is(client, services):
    made = registered(client)
    assert services.organizations.of_verified_address("ann@example.com") is None
    client.get(f"/auth/verify-email?token={token_of(services.users.verification_link(UUID(made['user_id'])))}")
    assert str(services.organizations.of_verified_address("ANN@example.com")) == made["organization_id"]
    assert services.organizations.of_verified_address("nobody@example.com") is None


def test_a_new_address_at_the_provider_is_where_mails_go(client, services):
    made, now = UUID(registered(client)["organization_id"]), services.clock.now()
    services.store.put(rows=services.organizations.put_on_file(made, email="pay@x.test", name=None, now=now))
    contact = services.organizations.contact(made)
    assert (contact.email, contact.name, contact.company_name) == ("pay@x.test", "Ann Author", "Ann & Co")
    unknown = services.clock.new_id()
    services.store.put(rows=services.organizations.put_on_file(unknown, email=None, name="New", now=now))
    assert services.organizations.contact(unknown).name == "New"


# API keys


def test_a_key_is_shown_once_and_works_within_its_scopes(client, services):
    me = person(client, services)
    made = me.post("/api-keys", json={"name": "ci", "scopes": ["licenses:read", "api-keys"]})
    assert made.status_code == 201
    key = client.as_(made.json()["secret"])
    [listed] = key.get("/api-keys").json()["data"]
    assert listed["prefix"] == made.json()["secret"][:12] and "secret" not in listed
    assert listed["scopes"] == ["api-keys", "licenses:read"]
    assert listed["last_used_at"] is not None
    refused(key.get("/admin/users"), 403, "not_allowed")
    refused(key.get("/me"), 403, "not_allowed")
    refused(key.post("/api-keys", json={"name": "more", "scopes": ["audit"]}), 403, "not_allowed")


def test_use_is_noted_once_a_minute(client, services):
    me = person(client, services)
    key = client.as_(me.post("/api-keys", json={"name": "ci", "scopes": ["api-keys"]}).json()["secret"])
    first = key.get("/api-keys").json()["data"][0]["last_used_at"]
    services.clock.advance(timedelta(seconds=30))
    assert key.get("/api-keys").json()["data"][0]["last_used_at"] == first
    services.clock.advance(timedelta(seconds=31))
    assert key.get("/api-keys").json()["data"][0]["last_used_at"] > first


def test_a_rotated_key_ends_its_old_secret_and_a_revoked_one_ends(client, services):
    me = person(client, services)
    old = me.post("/api-keys", json={"name": "ci", "scopes": ["api-keys"]}).json()
    new = me.post(f"/api-keys/{old['id']}/rotate").json()
    assert new["id"] == old["id"] and new["secret"] != old["secret"]
    refused(client.as_(old["secret"]).get("/api-keys"), 401, "not_authenticated")
    assert client.as_(new["secret"]).get("/api-keys").status_code == 200
    assert [me.delete(f"/api-keys/{old['id']}").status_code for _ in range(2)] == [204, 204]
    refused(client.as_(new["secret"]).get("/api-keys"), 401, "not_authenticated")
    refused(me.post(f"/api-keys/{old['id']}/rotate"), 409, "conflict")


def test_nobody_reaches_a_key_of_others_or_one_that_can_do_more(client, services, admin):
    ann, bob = person(client, services), person(client, services, email="bob@example.com")
    key = ann.post("/api-keys", json={"name": "ci", "scopes": ["audit"]}).json()
    refused(bob.delete(f"/api-keys/{key['id']}"), 404, "not_found")
    refused(bob.post(f"/api-keys/{key['id']}/rotate"), 404, "not_found")
    weak = client.as_(ann.post("/api-keys", json={"name": "weak", "scopes": ["api-keys"]}).json()["secret"])
    refused(weak.post(f"/api-keys/{key['id']}/rotate"), 403, "not_allowed")
    vendors = client.as_(admin.post("/api-keys", json={"name": "weak", "scopes": ["api-keys"]}).json()["secret"])
    strongest = admin.get("/api-keys").json()["data"][0]
    assert strongest["scopes"] == ["admin"]
    refused(vendors.post(f"/api-keys/{strongest['id']}/rotate"), 403, "not_allowed")
    own = bob.get("/me").json()["organization_id"]
    refused(ann.post("/api-keys", json={"name": "x", "scopes": ["audit"], "organization_id": own}), 404, "not_found")
    refused(ann.get(f"/api-keys?organization_id={own}"), 404, "not_found")


def test_the_admin_key_of_the_settings_is_made_once_and_does_not_rise_again(client, services, admin):
    services.api_keys.ensure_admin_key(services.settings.admin_key)
    [key] = admin.get("/api-keys").json()["data"]
    other = admin.post("/api-keys", json={"name": "second", "scopes": ["admin"]}).json()
    assert admin.delete(f"/api-keys/{key['id']}").status_code == 204
    services.api_keys.ensure_admin_key(services.settings.admin_key)
    refused(admin.get("/api-keys"), 401, "not_authenticated")
    assert client.as_(other["secret"]).get("/admin/users").status_code == 200


def test_a_key_is_made_once_for_one_idempotency_key(client, services):
    me = person(client, services)
    body, once = {"name": "ci", "scopes": ["audit"]}, {"Idempotency-Key": "k-1"}
    first, second = (me.post("/api-keys", json=body, headers=once) for _ in range(2))
    assert second.json() == first.json() and second.status_code == 201
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(me.get("/api-keys").json()["data"]) == 1
    other = {"name": "other", "scopes": ["audit"]}
    refused(me.post("/api-keys", json=other, headers=once), 409, "idempotency_mismatch")
    bob = person(client, services, email="bob@example.com")
    assert bob.post("/api-keys", json=body, headers=once).json()["id"] != first.json()["id"]
    stored = services.database.fetch_all("select * from stored_answers")
    assert first.json()["secret"].encode() not in b"".join(row["sealed"] for row in stored)
    services.clock.advance(timedelta(hours=24))
    assert services.retention.run()["stored_answers"] == 2


def test_of_many_with_one_idempotency_key_at_once_one_acts(client, services):
    me = person(client, services)
    body, once = {"name": "ci", "scopes": ["audit"]}, {"Idempotency-Key": "k-1"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: me.post("/api-keys", json=body, headers=once), range(8)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    for answer in answers:
        if answer.status_code == 409:
            refused(answer, 409, "request_in_progress")
    assert len(me.get("/api-keys").json()["data"]) == 1


def test_a_refused_request_leaves_its_idempotency_key_free(client, services):
    me, once = person(client, services), {"Idempotency-Key": "k-1"}
    refused(me.post("/api-keys", json={"name": "", "scopes": ["audit"]}, headers=once), 422, "invalid_request")
    refused(me.post("/api-keys", json={"name": "x", "scopes": ["admin"]}, headers=once), 403, "not_allowed")
    assert me.post("/api-keys", json={"name": "x", "scopes": ["audit"]}, headers=once).status_code == 201


def test_a_change_outside_of_a_request_has_its_own_actor(client, services):
    made = verified(client, services)
    with acting("operator", "request:none"):
        services.store.change(User, UUID(made["user_id"]), lambda user: user.rename(now=services.clock.now()))
    found = services.database.fetch_one("select actor from stored_events where topic = 'user.renamed'")
    assert found == {"actor": "operator"}

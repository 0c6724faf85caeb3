"""Deletions from the outside: asked for, reminded of, stopped, held, done; and that nothing is left."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from adapters.data_inventory import INVENTORY
from adapters.data_sweep import DataSweep
from projections.all import read_models
from projections.follower import Followers, connect
from projections.rebuild import rebuild
from tests.api.conftest import Member
from tests.api.household import invited, joined, mails
from tests.api.people_engine import refused

DAY = timedelta(days=1)
ADDRESS, NAME, MACHINE_IP = "zelda@nowhere-else.example", "Zelda Quixote-Unmistakable", "203.0.113.77"
PASSWORD = "a long and windy road"


@pytest.fixture
def zelda(services, client, shop, caught_up) -> Member:
    """Somebody who has left traces everywhere: in the shop, on seats, in mails, in usage, in webhooks."""
    made = services.users.register(email=ADDRESS, password=PASSWORD, full_name=NAME, company_name=f"{NAME} Ltd")
    token = services.logins.start(services.users.profile(made.user_id).user).access_token
    zelda, organization = Member(made.organization_id, client.as_(token)), made.organization_id
    reference = shop.buy(organization, name=NAME, email=ADDRESS)
    shop.account.cancel(reference)
    shop.deliver()
    caught_up()
    zelda.client.post("/api-keys", json={"name": f"ci of {NAME}", "scopes": ["licenses:read"]})
    zelda.client.post(
        "/webhook-endpoints", json={"url": f"http://127.0.0.1:9/{NAME[:5]}", "types": ["*"], "description": NAME}
    )
    invited(zelda, "guest-of-zelda@nowhere-else.example")
    fill(services, organization)
    mails(services, ADDRESS)
    return zelda


def fill(services, organization: UUID) -> None:
    """What seats, machines, rules, usage and callers leave, as their adapters write it."""
    license_id = services.unwalled.fetch_one("select license_id from licenses")["license_id"]
    for sql, params in (
        (
            "insert into session_callers select gen_random_uuid(), %s, %s, n, now(), %s, 'agent', %s, %s, 'linux', '1'"
            " from generate_series(1, 2100) n",
            (license_id, organization, MACHINE_IP, f"{NAME}-laptop", ADDRESS),
        ),
        ("insert into license_machines values (%s, 'f', %s, %s)", (license_id, organization, NAME)),
        ("insert into seat_rule_names values (%s, 'user:1', %s, %s)", (license_id, organization, ADDRESS)),
        ("insert into usage_subjects values (%s, gen_random_uuid(), %s)", (organization, ADDRESS)),
        ("insert into call_rates values (%s, now())", (f"login:{MACHINE_IP} {ADDRESS}",)),
    ):
        services.unwalled.execute(sql, params)


def tables_with(services, *words: str, skip: tuple[str, ...] = ()) -> set[str]:
    """Every table of the database, the log among them, in which one of the words can be found, in clear or in bytes."""
    names = services.unwalled.fetch_all(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
    )
    found = set()
    for (name,) in (tuple(row.values()) for row in names):
        if name in skip:
            continue
        for word in words:
            is_in = "position(lower(%s) in lower(t::text)) > 0 or position(%s in t::text) > 0"
            sql = f"select 1 as n from {name} t where {is_in}"
            if services.unwalled.fetch_one(f"{sql} limit 1", (word, word.encode().hex())):
                found.add(name)
    return found


def run(services, days: int = 15) -> int:
    done: int = services.deletions.run_due(services.clock.now() + days * DAY)
    return done


def follow(services) -> None:
    with connect(services.settings.database_url) as connection:
        Followers(services.settings.database_url, services.codec.to_domain_event, read_models()).catch_up(connection)


def test_a_deletion_is_scheduled_told_reminded_of_and_can_be_stopped(services, client, ann):
    asked = ann.client.delete("/me")
    assert asked.status_code == 202 and asked.json()["state"] == "scheduled"
    assert ann.client.delete("/me").json()["due_at"] == asked.json()["due_at"], "the first date stands"
    assert run(services, 13) == 0
    assert ann.client.get("/me").status_code == 200, "until then nothing changes"
    services.clock.advance(12 * DAY)
    services.deletions.remind(), services.deletions.remind()
    for errand in services.unwalled.fetch_all("select id from outbox"):
        services.errands.run(errand["id"])
    subjects = [each.subject for each in mails(services, "ann@example.test")]
    assert sum("will be deleted" in each for each in subjects) == 1
    assert sum("is deleted on" in each for each in subjects) == 1
    token = services.logins.start(services.users.profile(UUID(str(_user(services)))).user).access_token
    me = client.as_(token)
    assert me.delete("/me/deletion").status_code == 204
    refused(me.delete("/me/deletion"), 404, "not_found")
    assert me.get("/me/deletion").json()["state"] == "stopped"
    assert run(services, 30) == 0 and me.get("/me").status_code == 200
    assert me.delete("/me").json()["state"] == "scheduled", "one can change one's mind again"


def _user(services) -> UUID:
    return services.unwalled.fetch_one("select user_id from people")["user_id"]


def test_after_an_erasure_nothing_of_a_person_is_left_but_what_the_law_wants(services, zelda, admin, ann):
    kept_by_law = "invoice_papers"
    assert {"people", "session_callers", "provider_payloads", "caught_mails", "call_rates"} <= tables_with(
        services, ADDRESS, NAME, MACHINE_IP
    )
    assert zelda.client.delete("/me").status_code == 202
    assert run(services) == 1
    assert tables_with(services, ADDRESS, NAME, MACHINE_IP) == {kept_by_law}
    [item] = admin.get("/admin/deletions").json()["data"]
    assert item["state"] == "done" and item["erased"]["session_callers"] == 2100
    assert item["kept"][kept_by_law]["of"] == [str(zelda.organization_id)] and item["kept"][kept_by_law]["until"]
    refused(zelda.client.get("/me"), 401, "not_authenticated")
    assert ann.client.get("/me").status_code == 200
    follow(services)
    assert verified(services)
    for read_model in read_models():
        rebuild(services.settings.database_url, services.codec.to_domain_event, read_model, lambda *_: None)
    assert verified(services)


def test_erasing_one_of_two_people_of_one_name_leaves_the_other_s(services, client):
    people = [
        services.users.register(
            email=f"{n}@example.test", password=PASSWORD, full_name=NAME, company_name=f"Company {n}"
        )
        for n in ("one", "two")
    ]
    one, two = people
    for made, n in zip(people, ("one", "two"), strict=True):
        for name in (NAME, f"{n}@example.test"):
            services.unwalled.execute(
                "insert into usage_subjects values (%s, gen_random_uuid(), %s)", (made.organization_id, name)
            )
            services.unwalled.execute(
                "insert into session_callers select gen_random_uuid(), gen_random_uuid(), %s, 1, now(), '::1', 'agent',"
                " 'laptop', %s, 'linux', '1'",
                (made.organization_id, name),
            )
    token = services.logins.start(services.users.profile(one.user_id).user).access_token
    assert client.as_(token).delete("/me").status_code == 202
    assert run(services) == 1
    left = services.unwalled.fetch_all("select account_id, name from usage_subjects order by name")
    assert {(each["account_id"], each["name"]) for each in left} == {
        (two.organization_id, NAME),
        (two.organization_id, "two@example.test"),
    }
    seats = services.unwalled.fetch_all(
        "select user_name from session_callers where organization_id = %s", (two.organization_id,)
    )
    assert {each["user_name"] for each in seats} == {NAME, "two@example.test"}
    assert services.users.profile(two.user_id).person.full_name == NAME


def verified(services) -> bool:
    is_ok: bool = services.verification.run().ok
    return is_ok


def test_an_organization_is_deleted_with_its_licences_and_keys_and_people_stay(services, client, zelda, ann):
    cat = joined(services, client, zelda, "admin")
    path = f"/organizations/{zelda.organization_id}"
    key = zelda.client.post("/api-keys", json={"name": "one", "scopes": ["licenses:read"]}).json()["secret"]
    refused(cat.client.delete(path), 403, "not_allowed")
    refused(ann.client.delete(path), 404, "not_found")
    assert zelda.client.delete(path).status_code == 202
    assert cat.client.get(f"{path}/deletion").json()["state"] == "scheduled"
    assert run(services) == 1
    assert tables_with(services, MACHINE_IP, f"{NAME} Ltd", f"{NAME}-laptop") <= {"call_rates", "invoice_papers"}
    refused(client.as_(key).get("/licenses"), 401, "not_authenticated")
    refused(zelda.client.get(path), 401, "not_authenticated")
    statuses = services.unwalled.fetch_all("select state from stored_events where topic = 'license.revoked'")
    assert len(statuses) == 1
    people = services.unwalled.fetch_all("select email from people")
    assert {"cat@example.test", ADDRESS, "ann@example.test"} <= {each["email"] for each in people}
    follow(services)
    assert verified(services)


def test_what_a_provider_reports_of_a_deleted_organization_brings_no_contact_back(services, zelda):
    zelda.client.delete(f"/organizations/{zelda.organization_id}")
    run(services)
    rows = services.organizations.put_on_file(zelda.organization_id, email=ADDRESS, name=NAME, now=services.clock.now())
    for row in rows:
        services.unwalled.execute(*row)
    assert services.organizations.contact(zelda.organization_id) is None


def test_a_running_subscription_refuses_and_one_that_began_later_puts_off(services, shop, ann, caught_up):
    path = f"/organizations/{ann.organization_id}"
    assert ann.client.delete(path).status_code == 202
    reference = shop.buy(ann.organization_id)
    caught_up()
    assert run(services) == 1
    assert ann.client.get(f"{path}/deletion").json()["obstacle"] == "subscriptions_running"
    assert ann.client.delete(f"{path}/deletion").status_code == 204
    error = refused(ann.client.delete(path), 409, "subscriptions_running")
    assert len(error["details"]["subscriptions"]) == 1
    shop.account.cancel(reference)
    shop.deliver()
    caught_up()
    assert ann.client.delete(path).status_code == 202


def test_a_legal_hold_stops_erasure_and_retention_until_it_is_lifted(services, zelda, admin):
    hold = f"/admin/organizations/{zelda.organization_id}/legal-hold"
    assert admin.call("PUT", hold, json={"reason": "court of Berlin, 7 O 12/26"}).status_code == 204
    refused(zelda.client.call("PUT", hold, json={"reason": "mine"}), 403, "not_allowed")
    zelda.client.delete("/me"), zelda.client.delete(f"/organizations/{zelda.organization_id}")
    assert run(services) == 2
    assert {each["obstacle"] for each in admin.get("/admin/deletions").json()["data"]} == {"legal_hold"}
    before = tables_with(services, NAME)
    services.clock.advance(100 * DAY)
    services.retention.run(seconds=60)
    assert "provider_payloads" in before & tables_with(services, NAME)
    held = admin.get("/admin/retention").json()["legal_holds"]
    assert [each["organization_id"] for each in held] == [str(zelda.organization_id)]
    assert admin.post(f"{hold}/lift", json={"reason": "settled"}).status_code == 204
    assert run(services, 1) >= 1
    assert tables_with(services, ADDRESS, NAME, MACHINE_IP) <= {"invoice_papers"}


@pytest.mark.parametrize("dies_after", [0, 10, 60, len(INVENTORY) + 12])
def test_a_killed_erasure_goes_on_and_ends_alike(services, zelda, monkeypatch, dies_after):
    calls: list[Any] = []

    def dying(sweep: DataSweep, *args: Any) -> int:
        calls.append(args)
        if len(calls) > dies_after:
            raise SystemExit("killed")
        taken: int = erase(sweep, *args)
        return taken

    erase = DataSweep.erase
    monkeypatch.setattr(DataSweep, "erase", dying)
    zelda.client.delete("/me")
    with pytest.raises(SystemExit):
        run(services)
    monkeypatch.setattr(DataSweep, "erase", erase)
    assert services.deletions.find(_deleted(services)).state == "erasing"
    assert run(services) == 1
    assert services.deletions.find(_deleted(services)).report["session_callers"] == 2100, "nothing is counted twice"
    assert tables_with(services, ADDRESS, NAME, MACHINE_IP) == {"invoice_papers"}
    assert run(services) == 0


def _deleted(services) -> UUID:
    return services.unwalled.fetch_one("select subject_id from deletions")["subject_id"]

"""What is kept about somebody, given out to whom it is about and to nobody else."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from application import exports
from tests.api.household import id_of, joined
from tests.api.people_engine import refused


@pytest.fixture
def filled(services, shop, ann, bob, caught_up):
    """Ann has bought, invited and made a key; so has Bob."""
    for one, name in ((ann, "Ann Buyer"), (bob, "Bob Buyer")):
        shop.buy(one.organization_id, name=name)
        one.client.post("/api-keys", json={"name": f"ci of {name}", "scopes": ["licenses:read"]})
    caught_up()
    return ann


def test_a_person_gets_what_is_kept_about_it_and_nothing_of_others(services, client, filled, bob):
    export = filled.client.get("/me/export").json()
    assert (export["format"], export["kind"], export["subject_id"]) == ("usher-export/1", "person", id_of(filled))
    assert export["person"][0]["email"] == "ann@example.test" and "password_hash" not in export["person"][0]
    assert [each["role"] for each in export["memberships"]] == ["owner"]
    assert [each["name"] for each in export["api_keys"]] == ["ci of Ann Buyer"]
    assert [each["type"] for each in export["history"]] == ["user.registered"]
    assert export["history"][0]["sentence"].startswith("A person registered")
    assert "bob" not in json.dumps(export).lower()


def test_an_owner_gets_all_of_the_organization_and_nobody_else_does(services, client, filled, bob):
    path = f"/organizations/{filled.organization_id}/export"
    answer = filled.client.get(path)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="usher-organization.json"'
    export = answer.json()
    for section in ("contact", "memberships", "api_keys", "licenses", "subscriptions", "invoices", "invoice_papers"):
        assert len(export[section]) == 1, section
    assert export["payments"] and export["invoice_papers"][0]["words"]
    assert "organization.registered" in {each["type"] for each in export["history"]}
    assert "license.transferred" in {each["type"] for each in export["history"]}
    text = json.dumps(export).lower()
    assert "bob" not in text and str(bob.organization_id) not in text and 'digest": "' not in text
    refused(bob.client.get(path), 404, "not_found")
    admin = joined(services, client, filled, "admin")
    refused(admin.client.get(path), 403, "not_allowed")


def test_what_is_much_is_made_in_the_background_and_is_the_same(services, client, filled, bob, monkeypatch):
    path = f"/organizations/{filled.organization_id}/export"
    whole = filled.client.get(path).json()
    monkeypatch.setattr(exports, "MOST_AT_ONCE", 5)
    asked = filled.client.get(path)
    assert asked.status_code == 202 and asked.json()["state"] == "waiting" and asked.json()["download_url"] is None
    again = filled.client.get(path).json()
    assert again["id"] == asked.json()["id"], "asking again makes no second one"
    [waiting] = services.exports.waiting()
    status = f"/organizations/{filled.organization_id}/exports/{waiting}"
    services.exports.make(waiting)
    made = filled.client.get(status).json()
    assert (made["state"], made["progress"]["done"]) == ("made", made["progress"]["of"])
    url = urlsplit(made["download_url"])
    link = f"/{url.path}?{url.query}"
    export = client.get(link).json()
    whole.pop("exported_at"), export.pop("exported_at"), whole.pop("history"), export.pop("history")
    assert export == whole
    refused(bob.client.get(status), 404, "not_found")
    refused(client.get(link[:-3] + "xxx"), 400, "signature_invalid")
    services.clock.advance(timedelta(hours=1, seconds=1))
    refused(client.get(link), 400, "signature_invalid")
    services.clock.advance(timedelta(days=8))
    assert services.retention.run(seconds=60)["exports"] == 1
    assert services.unwalled.fetch_all("select * from export_parts") == []


def test_one_that_is_killed_goes_on_with_its_section_and_is_whole(services, filled, monkeypatch):
    whose = services.exports.whose("organization", filled.organization_id)
    export = services.exports.ask(whose)
    data, add = services.exports._data, services.exports._data.add_part
    added = []

    def dies(*part):
        if len(added) == 9:
            raise RuntimeError("killed")
        added.append(part)
        add(*part)

    monkeypatch.setattr(data, "add_part", dies)
    with pytest.raises(RuntimeError):
        services.exports.make(export.export_id)
    assert services.exports.waiting() == [], "its claim holds"
    services.unwalled.execute("update exports set claimed_until = null")
    monkeypatch.setattr(data, "add_part", add)
    services.exports.make(export.export_id)
    made = json.loads(b"".join(data.parts(export.export_id)))
    whole = json.loads(b"".join(services.exports.document(whose)))
    assert {**made, "exported_at": ""} == {**whole, "exported_at": ""}


def test_many_rows_come_in_batches_each_once(services, filled):
    services.unwalled.execute(
        "insert into usage_subjects select %s, gen_random_uuid(), 'subject ' || n from generate_series(1, 2500) n",
        (filled.organization_id,),
    )
    whose = services.exports.whose("organization", filled.organization_id)
    sizes = [len(rows) for rows in services.exports._data.rows("usage_subjects", whose)]
    assert sizes == [1000, 1000, 500]
    names = {
        each["name"]
        for each in filled.client.get(f"/organizations/{filled.organization_id}/export").json()["usage_subjects"]
    }
    assert len(names) == 2500

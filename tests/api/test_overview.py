"""How everything stands, at a glance."""

from __future__ import annotations

from tests.api.people_engine import refused


def overview(admin, **query):
    response = admin.get("/admin/overview", params=query)
    assert response.status_code == 200, response.text
    assert int(response.headers["X-Log-Position"]) >= 0
    return response.json()


def test_an_empty_engine_shows_noughts(admin):
    empty = overview(admin)
    assert empty["licenses"] == {"active": 0, "grace": 0, "suspended": 0, "expired": 0, "revoked": 0}
    assert empty["seats"] == {"limit": 0, "used": 0, "left": 0, "licenses_without_limit": 0}
    assert len(empty["days"]) == 30 and empty["days"][0]["day"] == empty["at"][:10]


def test_it_counts_licences_seats_renewals_and_what_is_owed(services, shop, admin, ann, bob, caught_up):
    shop.buy(ann.organization_id)
    owing = shop.buy(bob.organization_id)
    shop.account.fail_renewal(owing)
    shop.deliver()
    caught_up()
    everything = overview(admin)
    assert (everything["licenses"]["active"], everything["licenses"]["grace"]) == (1, 1)
    assert everything["seats"] == {"limit": 20, "used": 0, "left": 20, "licenses_without_limit": 0}
    assert everything["open_invoices"] == [{"currency": "usd", "count": 1, "amount": 9900}]
    assert everything["days"][0]["licenses_issued"] == 2
    assert everything["provider_events"] == {"received": 0, "deferred": 0, "failed": 0}


def test_it_can_be_narrowed_to_one_organization(shop, admin, ann, bob, caught_up):
    shop.buy(ann.organization_id)
    shop.buy(bob.organization_id)
    caught_up()
    of_ann = overview(admin, organization_id=str(ann.organization_id))
    assert of_ann["licenses"]["active"] == 1 and of_ann["provider_events"] is None
    assert of_ann["renewals"]["in_30_days"] <= 1


def test_only_the_vendor_sees_it(client, ann):
    refused(client.get("/admin/overview"), 401, "not_authenticated")
    refused(ann.client.get("/admin/overview"), 403, "not_allowed")

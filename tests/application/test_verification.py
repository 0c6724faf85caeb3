from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from adapters.bootstrap import Services
from application.verification import Verified
from application.verification_report import MOST_FINDINGS, Damage
from application.verification_seats import IN_FLIGHT
from domain.entitlements import Entitlements, Overage
from domain.errors import Conflict, Unavailable
from domain.ids import invoice_id_for, seat_id
from domain.invoice import Invoice
from domain.license import License
from domain.license_terms import Terms
from domain.organization import Organization
from domain.payment import Payment
from scripts.stripe_sim import StripeAccount
from tests.application.test_billing import PRO, Engine
from tests.history_world import START, at, changed, follow, leave, licensed, sit
from tests.stripe_money import newest

SOUND = {
    "undecodable": 0,
    "seat_conflicts": 0,
    "over_limit": 0,
    "read_model_differences": 0,
    "billing_differences": 0,
    "doubtful_invoices": 0,
    "ok": True,
}
IN_FLIGHT_MINUTES = IN_FLIGHT / timedelta(minutes=1)


def verified(services: Services) -> Verified:
    """What a verification of the log and of read models that have followed it says."""
    follow(services)
    return services.verification.run()


def damage(result: Verified) -> dict[str, int]:
    """The counts that are not zero."""
    return {kind.value: result.counts[kind] for kind in Damage if result.counts[kind]}


def plant(services: Services, sql: str, *params: object) -> None:
    """Damage, done where nobody of the system would: directly in one row of the tables."""
    assert services.database.execute(sql, params) == 1


# --- what is sound ---


def test_an_empty_log_is_sound(services):
    assert verified(services).counts == {"events": 0, "streams": 0, **SOUND}


def test_a_sound_log_is_counted_and_nothing_is_found(services):
    license = licensed(services, seats=2)
    services.store.add(Organization.register(id=license.organization_id, now=START))
    sit(services, license, 1, "anna's machine", minute=1)
    sit(services, license, 2, "ben's machine", minute=2)
    leave(services, license, 1, minute=3)
    sit(services, license, 1, "carla's machine", minute=4)
    result = verified(services)
    assert result.counts == {"events": 6, "streams": 4, **SOUND}
    assert result.findings == []


def test_what_is_appended_meanwhile_does_not_disturb(services):
    license = licensed(services, seats=3)
    sit(services, license, 1, "anna's machine", minute=1)
    follow(services)

    def busy(what: str, done: int, of: int) -> None:
        seat = 2 if what == "Reading the log" else 3
        sit(services, license, seat, f"machine {seat}", minute=seat)
        follow(services)

    result = services.verification.run(busy)
    assert result.ok, result
    assert result.counts["events"] == 2


def test_progress_is_told_to_the_end(services):
    license = licensed(services)
    sit(services, license, 1, "anna's machine", minute=1)
    follow(services)
    told: list[tuple[str, int, int]] = []
    services.verification.run(lambda *progress: told.append(progress))
    assert told[0] == ("Reading the log", 2, 2)
    assert told[-1] == ("Rebuilding the read models beside", 2, 2)


# --- events that cannot be read ---


def test_a_state_that_does_not_fit_is_found_and_its_neighbours_are_not_blamed(services):
    license = licensed(services)
    sit(services, license, 1, "anna's machine", minute=1)
    leave(services, license, 1, minute=2)
    sit(services, license, 1, "ben's machine", minute=3)
    follow(services)
    plant(services, 'update stored_events set state = \'{"seat": "one"}\' where originator_version = 2')
    result = services.verification.run()
    assert damage(result) == {"undecodable": 1}
    assert (result.findings[0].position, result.findings[0].stream_id) == (3, seat_id(license.id, 1))


def test_an_event_of_a_kind_that_nobody_knows_is_found(services):
    license = licensed(services)
    follow(services)
    plant(services, "update stored_events set topic = 'license.beamed_up' where originator_id = %s", license.id)
    assert services.verification.run().counts["undecodable"] == 1


def test_a_licence_with_a_hole_in_its_history_is_found(services):
    license = licensed(services)
    changed(services, license, "suspend", minute=1)
    changed(services, license, "reinstate", minute=2)
    follow(services)
    plant(services, "delete from stored_events where originator_version = 2")
    result = services.verification.run()
    assert result.counts["undecodable"] == 1
    assert "cannot follow" in result.findings[0].text


def test_any_other_aggregate_with_a_hole_in_its_history_is_found(services):
    organization = Organization.register(id=uuid4(), now=START)
    organization.rename(now=at(1))
    organization.rename(now=at(2))
    services.store.add(organization)
    follow(services)
    plant(services, "delete from stored_events where originator_version = 2")
    result = services.verification.run()
    assert result.counts["undecodable"] == 1
    assert result.findings[0].stream_id == organization.id


def test_an_event_in_the_stream_of_another_kind_is_found(services):
    organization = Organization.register(id=uuid4(), now=START)
    organization.rename(now=at(1))
    services.store.add(organization)
    plant(services, "update stored_events set topic = 'user.renamed' where topic = 'organization.renamed'")
    assert verified(services).counts["undecodable"] == 1


# --- seats ---


def test_a_seat_held_twice_because_an_ending_was_deleted_is_found(services):
    license = licensed(services)
    sit(services, license, 1, "anna's machine", minute=1)
    leave(services, license, 1, minute=2)
    sit(services, license, 1, "ben's machine", minute=3)
    follow(services)
    plant(services, "delete from stored_events where topic = 'seat.session_closed'")
    result = services.verification.run()
    assert result.counts["seat_conflicts"] == 1
    assert result.counts["over_limit"] == 0
    assert not result.ok
    assert result.findings[0].stream_id == seat_id(license.id, 1)


def test_a_machine_may_take_another_seat_before_the_end_of_its_lapsed_session_is_stored(services):
    license = licensed(services)
    sit(services, license, 1, "anna's machine", minute=1)
    sit(services, license, 2, "anna's machine", minute=8)
    leave(services, license, 1, minute=9)
    assert verified(services).ok


def test_a_machine_may_sit_on_two_licences_and_on_another_seat_afterwards(services):
    one, other = licensed(services), licensed(services)
    sit(services, one, 1, "anna's machine", minute=1)
    sit(services, other, 1, "anna's machine", minute=2)
    leave(services, one, 1, minute=3)
    sit(services, one, 2, "anna's machine", minute=4)
    assert verified(services).ok


def test_a_session_that_was_closed_for_somebody_else_is_found(services):
    license = licensed(services)
    sit(services, license, 1, "anna's machine", minute=1)
    leave(services, license, 1, minute=2)
    sql = (
        "update stored_events set state = jsonb_set(state::jsonb, '{session_id}', %s)::json where topic like '%%closed'"
    )
    plant(services, sql, f'"{uuid4()}"')
    assert verified(services).counts["seat_conflicts"] == 1


def test_an_event_of_another_seat_in_a_seats_stream_is_found(services):
    license = licensed(services)
    sit(services, license, 1, "anna's machine", minute=1)
    sql = "update stored_events set state = jsonb_set(state::jsonb, '{seat}', '2')::json where topic like '%%opened'"
    plant(services, sql)
    assert verified(services).counts["seat_conflicts"] == 1


# --- limits ---


def test_an_opening_above_the_limit_is_found(services):
    license = licensed(services, seats=1)
    sit(services, license, 1, "anna's machine", minute=1)
    sit(services, license, 2, "ben's machine", minute=2)
    result = verified(services)
    assert damage(result) == {"over_limit": 1}
    assert str(license.id) in result.findings[0].text


def test_an_opening_on_a_licence_that_nobody_issued_is_found(services):
    license = licensed(services)
    sit(services, license, 1, "anna's machine", minute=1)
    plant(services, "delete from stored_events where topic = 'license.issued'")
    assert verified(services).counts["over_limit"] == 1


def test_overage_counts_as_room(services):
    license = licensed(services, seats=2)
    generous = Entitlements(seats=2, overage=Overage.HALF)
    bought = Terms("coditect", "pro", 2, 2, generous)
    services.store.change(License, license.id, lambda each: each.follow_purchase(bought, now=START))
    for seat in (1, 2, 3):
        sit(services, license, seat, f"machine {seat}", minute=seat)
    assert verified(services).ok
    sit(services, license, 4, "machine 4", minute=4)
    assert damage(verified(services)) == {"over_limit": 1}


def test_a_licence_without_a_limit_has_room_for_all(services):
    license = licensed(services, seats=1)
    bought = replace(license.terms, entitlements=Entitlements(seats=1, overage=Overage.UNLIMITED))
    services.store.change(License, license.id, lambda each: each.follow_purchase(bought, now=START))
    for seat in range(1, 6):
        sit(services, license, seat, f"machine {seat}", minute=seat)
    assert verified(services).ok


def test_who_sat_before_the_licence_was_made_smaller_is_no_damage_but_who_comes_then_is(services):
    license = licensed(services, seats=2)
    sit(services, license, 1, "anna's machine", minute=1)
    sit(services, license, 2, "ben's machine", minute=2)
    changed(services, license, "resize", 1, minute=3)
    leave(services, license, 2, minute=4)
    assert verified(services).ok
    sit(services, license, 2, "carla's machine", minute=5)
    assert damage(verified(services)) == {"over_limit": 1}


@pytest.mark.parametrize("verb", ["suspend", "revoke"])
def test_an_opening_on_a_licence_that_does_not_work_is_found(services, verb):
    license = licensed(services)
    changed(services, license, verb, minute=1)
    sit(services, license, 1, "anna's machine", minute=2)
    assert damage(verified(services)) == {"over_limit": 1}


def test_an_opening_that_was_on_its_way_while_the_licence_was_suspended_is_no_damage(services):
    license = licensed(services)
    changed(services, license, "suspend", minute=1)
    sit(services, license, 1, "anna's machine", minute=1 + IN_FLIGHT_MINUTES)
    assert verified(services).ok
    sit(services, license, 2, "ben's machine", minute=1.01 + IN_FLIGHT_MINUTES)
    assert damage(verified(services)) == {"over_limit": 1}


def test_an_opening_on_its_way_is_held_to_the_former_limit(services):
    license = licensed(services, seats=1)
    changed(services, license, "suspend", minute=1)
    sit(services, license, 1, "anna's machine", minute=1)
    sit(services, license, 2, "ben's machine", minute=1)
    assert damage(verified(services)) == {"over_limit": 1}


def test_a_licence_that_works_again_has_room_again(services):
    license = licensed(services, seats=1)
    changed(services, license, "suspend", minute=1)
    changed(services, license, "reinstate", minute=2)
    sit(services, license, 1, "anna's machine", minute=3)
    assert verified(services).ok


def test_an_opening_after_the_licences_end_is_found_though_nobody_recorded_the_end(services):
    license = licensed(services)
    services.store.change(License, license.id, lambda each: each.extend(at(10), reason="short", now=START))
    sit(services, license, 1, "anna's machine", minute=9)
    assert verified(services).ok
    sit(services, license, 2, "ben's machine", minute=11)
    assert damage(verified(services)) == {"over_limit": 1}


# --- read models ---


@pytest.mark.parametrize(
    "sql",
    [
        "update seat_sessions set fingerprint_digest = 'somebody else'",
        "delete from seat_sessions",
        "insert into seats_taken values (gen_random_uuid(), 5)",
    ],
)
def test_a_read_model_that_says_something_else_is_found(services, sql):
    license = licensed(services)
    sit(services, license, 1, "anna's machine", minute=1)
    follow(services)
    plant(services, sql)
    result = services.verification.run()
    assert damage(result) == {"read_model_differences": 1}
    assert "seat" in result.findings[0].text


def test_a_log_that_reads_but_cannot_be_followed_is_not_sound(services):
    first, second = licensed(services), licensed(services)
    sit(services, first, 1, "anna's machine", minute=1)
    sit(services, second, 1, "ben's machine", minute=1)
    follow(services)
    services.database.execute(
        "update stored_events set state = jsonb_set(state::jsonb, '{session_id}', %s)::json where topic like 'seat.%%'",
        (f'"{uuid4()}"',),
    )
    result = services.verification.run()
    assert damage(result) == {"read_model_differences": 1}
    assert "could not be built anew" in result.findings[0].text


# --- the verification itself ---


def test_the_last_verification_is_kept(services):
    assert services.verification.last() is None
    license = licensed(services, seats=1)
    assert verified(services) == services.verification.last()
    sit(services, license, 1, "anna's machine", minute=1)
    sit(services, license, 2, "ben's machine", minute=2)
    result = verified(services)
    last = services.verification.last()
    assert last == result
    assert last is not None and last.findings[0].kind is Damage.OVER_LIMIT


def test_only_a_hundred_findings_are_kept_but_all_are_counted(services):
    license = licensed(services, seats=1)
    for seat in range(1, MOST_FINDINGS + 5):
        sit(services, license, seat, f"machine {seat}", minute=1)
    result = verified(services)
    assert result.counts["over_limit"] == MOST_FINDINGS + 3
    assert len(result.findings) == MOST_FINDINGS


def test_what_a_killed_verification_left_behind_is_cleared_away(services):
    licensed(services)
    services.database.execute("create schema verification")
    services.database.execute("create table verification.licenses (rest text)")
    assert verified(services).ok
    assert services.database.fetch_one("select 1 from pg_namespace where nspname = 'verification'") is None


def test_a_verification_that_is_broken_off_keeps_no_result(services):
    licensed(services)
    follow(services)

    def broken_off(what: str, done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        services.verification.run(broken_off)
    assert services.verification.last() is None
    assert services.verification.run().ok


def test_two_verifications_at_once_are_one_too_many(services):
    licensed(services)
    follow(services)

    def again(what: str, done: int, of: int) -> None:
        with pytest.raises(Conflict):
            services.verification.run()

    assert services.verification.run(again).ok


def test_a_database_that_goes_away_is_not_taken_for_damage(services):
    licensed(services)
    follow(services)

    def away(_: object) -> list[object]:
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    services.verification._compare = away
    with pytest.raises(Unavailable):
        services.verification.run()
    assert services.verification.last() is None


# --- invoices and payments ---


@pytest.fixture
def bought(services):
    """A purchase of which a part went back; answers its invoice and its payment."""
    account = StripeAccount(seed=1, now=START)
    account.price(PRO, amount=9900, lookup_key="pro-monthly")
    account.checkout(price=PRO, email="ada@example.com", name="Ada")
    account.refund(newest(account, "invoice")["id"], amount=1000)
    engine = Engine(services)
    engine.feed(account.events)
    invoice = services.store.fetch(Invoice, invoice_id_for("stripe", newest(account, "invoice")["id"]))
    return invoice, services.store.fetch(Payment, invoice.payments[0])


def test_a_purchase_and_its_refund_are_sound(services, bought):
    assert verified(services).ok


def test_an_invoice_that_does_not_know_its_payment_or_its_refund_is_found(services, bought):
    invoice, _ = bought
    sql = "delete from stored_events where originator_id = %s and topic = %s"
    version = "select originator_version from stored_events where originator_id = %s and topic = %s"
    for topic in ("invoice.refunded", "invoice.payment_added"):
        gone = services.database.fetch_one(version, (invoice.id, topic))["originator_version"]
        plant(services, sql, invoice.id, topic)
        services.database.execute(
            "update stored_events set originator_version = originator_version - 1"
            " where originator_id = %s and originator_version > %s",
            (invoice.id, gone),
        )
    result = services.verification.run()
    assert result.counts["billing_differences"] == 2 and not result.ok


def test_sums_of_the_provider_that_do_not_hold_are_counted_and_damage_nothing(services, bought):
    invoice, _ = bought
    wrong = replace(invoice.figures, total=invoice.figures.total + 1)

    def amend(each: Invoice) -> None:
        each.report(each.status, wrong, each.issue, seen=replace(each.seen, rank=9), now=START)
        each.check(now=START)

    services.store.change(Invoice, invoice.id, amend)
    result = verified(services)
    assert (result.counts["doubtful_invoices"], result.ok) == (1, True)
    assert "does not add up: total, due" in result.findings[0].text

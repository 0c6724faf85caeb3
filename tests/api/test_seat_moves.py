"""A seat that moves: to another machine, or out of the house for some days and back."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.bootstrap import Services
from domain.organization import Organization
from domain.seat import Seat
from tests.api.test_seats import BASE, acquire, code, heartbeat, machine, play, release

WEEK = timedelta(days=7)


class Shop:
    """Licences of the catalogue `studio`: ten seats of which three are never lent."""

    def __init__(self, services: Services) -> None:
        self.services = services
        services.catalog.apply(services.catalog.read(Path("docs/catalogs/studio.yaml").read_bytes()))
        self.owner = Organization.register(id=UUID(int=1), now=services.clock.now())
        services.store.add(self.owner)

    def sell(self, plan: str = "studio-team", seats: int = 10, expires_at: datetime | None = None) -> str:
        return self.services.licenses.issue(self.owner.id, plan, seats=seats, expires_at=expires_at).key.text

    def reasons(self) -> list[str]:
        """Why seats were left, in the order of the log."""
        rows = self.services.database.fetch_all(
            "select state ->> 'reason' as reason from stored_events where topic = %s order by notification_id",
            (Seat.SessionClosed.topic(),),
        )
        return [row["reason"] for row in rows]


@pytest.fixture
def shop(services: Services) -> Shop:
    return Shop(services)


async def sit(client: httpx.AsyncClient, key: str, number: int, user: str = "ann") -> dict[str, Any]:
    answer = await acquire(client, key, number, user=user)
    assert answer.status_code == 201, answer.text
    seat: dict[str, Any] = answer.json()
    return seat


async def ask(client: httpx.AsyncClient, seat: dict[str, Any], verb: str, **body: Any) -> httpx.Response:
    headers = {"Authorization": f"Lease {seat['lease']}"}
    return await client.post(f"{BASE}/sessions/{seat['session_id']}/{verb}", json=body, headers=headers)


async def swap(client: httpx.AsyncClient, seat: dict[str, Any], number: int, user: str = "ann") -> httpx.Response:
    return await ask(client, seat, "swap", fingerprint=machine(number), user=user)


def claims(seat: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(seat["lease"], options={"verify_signature": False})
    return found


def reason(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["details"]["reason"]


# --- to another machine ---


def test_a_seat_goes_to_another_machine_in_one_step_and_nobody_comes_in_between(shop):
    key = shop.sell(seats=1, plan="studio-person")

    async def story(client: httpx.AsyncClient) -> None:
        desk = await sit(client, key, 1)
        answer = await swap(client, desk, 2)
        laptop = answer.json()
        assert answer.status_code == 201 and laptop["seat"] == desk["seat"]
        assert laptop["session_id"] != desk["session_id"] and laptop["seats"] == {"limit": 1, "used": 1}
        assert claims(laptop)["fp"] != claims(desk)["fp"] and claims(laptop)["ver"] == claims(desk)["ver"] + 2
        assert reason(await heartbeat(client, desk)) == (410, "swapped")
        assert (await heartbeat(client, laptop)).status_code == 200
        assert (await release(client, laptop)).status_code == 204

    play(shop.services, story)
    assert shop.reasons() == ["swapped", "released"]


def test_a_swap_whose_answer_was_lost_is_answered_again(shop):
    key = shop.sell()

    async def story(client: httpx.AsyncClient) -> None:
        desk = await sit(client, key, 1)
        first, second = await swap(client, desk, 2), await swap(client, desk, 2)
        assert (first.status_code, second.status_code) == (201, 200)
        assert first.json()["session_id"] == second.json()["session_id"]
        assert reason(await swap(client, desk, 3)) == (410, "swapped")

    play(shop.services, story)


def test_of_swaps_at_the_same_time_those_to_one_machine_are_one_and_those_to_others_are_refused(shop):
    key = shop.sell()

    async def story(client: httpx.AsyncClient) -> None:
        seat = await sit(client, key, 1)
        for to in range(10, 40, 10):
            together = await asyncio.gather(*(swap(client, seat, to) for _ in range(6)))
            assert sorted(each.status_code for each in together) == [*[200] * 5, 201], [each.text for each in together]
            (session,) = {each.json()["session_id"] for each in together}
            seat = next(each.json() for each in together if each.status_code == 201)
            assert seat["session_id"] == session
        together = await asyncio.gather(*(swap(client, seat, to) for to in range(50, 56)))
        assert sorted(each.status_code for each in together) == [201, *[410] * 5], [each.text for each in together]

    play(shop.services, story)


def test_a_machine_with_a_seat_gets_no_second_one_by_a_swap(shop):
    key = shop.sell()

    async def story(client: httpx.AsyncClient) -> None:
        desk, laptop = await sit(client, key, 1), await sit(client, key, 2)
        assert code(await swap(client, desk, 2)) == (409, "conflict")
        assert code(await swap(client, desk, 1)) == (409, "conflict")
        for seat in (desk, laptop):
            assert (await heartbeat(client, seat)).status_code == 200

    play(shop.services, story)


def test_a_swap_that_meets_a_limit_leaves_the_seat_where_it_is(shop):
    key = shop.sell()

    async def story(client: httpx.AsyncClient) -> None:
        of_bob = [await sit(client, key, number, user="bob") for number in (1, 2)]
        of_ann = await sit(client, key, 3)
        refused = await swap(client, of_ann, 4, user="bob")
        assert code(refused) == (429, "seats_exhausted")
        assert refused.json()["error"]["details"] == {"limit": 2, "used": 2, "axis": "user"}
        for seat in (*of_bob, of_ann):
            assert (await heartbeat(client, seat)).status_code == 200

    play(shop.services, story)


def test_nobody_new_begins_while_more_sit_than_may(shop):
    key = shop.sell(seats=5)
    (license,) = shop.services.database.fetch_all("select distinct license_id from license_keys")

    async def story(client: httpx.AsyncClient) -> None:
        first, second = await sit(client, key, 1), await sit(client, key, 2)
        await asyncio.to_thread(shop.services.licenses.resize, license["license_id"], 1, reason="fewer people")
        for verb, body in (("swap", {"fingerprint": machine(3), "user": "ann"}), ("borrow", {"duration": "P1D"})):
            refused = await ask(client, first, verb, **body)
            assert refused.status_code == 429, refused.text
        assert (await heartbeat(client, second)).status_code == 200

    play(shop.services, story)


def test_a_plan_may_keep_seats_where_they_are(shop):
    key = shop.sell("studio-render", seats=2)

    async def story(client: httpx.AsyncClient) -> None:
        seat = await sit(client, key, 1)
        assert code(await swap(client, seat, 2)) == (409, "conflict")
        assert code(await ask(client, seat, "borrow", duration="P1D")) == (409, "borrow_not_offered")
        assert (await heartbeat(client, seat)).status_code == 200

    play(shop.services, story)


# --- out of the house ---


def test_a_borrowed_seat_is_held_for_days_without_a_word(shop):
    key = shop.sell()

    async def story(client: httpx.AsyncClient) -> None:
        seat = await sit(client, key, 1)
        answer = await ask(client, seat, "borrow", duration="P3D")
        away = answer.json()
        assert answer.status_code == 201 and away["seat"] == seat["seat"]
        said = claims(away)
        assert said["bor"] is True and said["grace"] == 0
        assert timedelta(seconds=said["exp"] - said["iat"]) == timedelta(days=3)
        assert reason(await heartbeat(client, seat)) == (410, "borrowed")
        assert (await ask(client, seat, "borrow", duration="P3D")).json()["session_id"] == away["session_id"]

        shop.services.clock.advance(timedelta(days=2))
        await shop.services.seats.endings.expire_lapsed()
        kept = await heartbeat(client, away)
        assert kept.json()["expires_at"] == away["expires_at"], "a heartbeat does not move the end"
        again = await acquire(client, key, 1, user="ann")
        assert (again.status_code, again.json()["session_id"]) == (200, away["session_id"])
        assert claims(again.json())["exp"] == said["exp"] and claims(again.json())["bor"] is True

        shop.services.clock.advance(timedelta(days=1, seconds=1))
        await shop.services.seats.endings.expire_lapsed()
        assert reason(await heartbeat(client, away)) == (410, "expired")

    play(shop.services, story)
    assert shop.reasons() == ["borrowed", "expired"]


def test_a_borrowed_seat_is_away_also_after_redis_has_lost_everything(shop, redis):
    key = shop.sell("studio-person", seats=1)

    async def story(client: httpx.AsyncClient) -> None:
        away = (await ask(client, await sit(client, key, 1), "borrow", duration="P30D")).json()
        redis.flushall()
        shop.services.clock.advance(timedelta(days=29))
        assert code(await acquire(client, key, 2, user="bob")) == (429, "seats_exhausted")
        await shop.services.seats.endings.expire_lapsed()
        assert (await heartbeat(client, away)).json()["expires_at"] == away["expires_at"]
        shop.services.clock.advance(timedelta(days=1, seconds=1))
        assert (await acquire(client, key, 2, user="bob")).status_code == 201

    play(shop.services, story)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"duration": "P8D"}, "duration"),
        ({"duration": "P999999D"}, "duration"),
        ({"duration": "PT0S"}, "duration"),
        ({"duration": "-P1D"}, "duration"),
        ({"duration": "three days"}, "duration"),
        ({"until": "2020-01-01T00:00:00Z"}, "until"),
        ({"until": "9999-12-31T23:59:59Z"}, "until"),
        ({"until": "2026-12-01T00:00:00"}, "until"),
        ({}, "body"),
        ({"duration": "P1D", "until": "2030-01-01T00:00:00Z"}, "body"),
        ({"duration": "P1D", "return_key": "not a key"}, "return_key"),
        ({"duration": "P1D", "return_key": "AAAA"}, "return_key"),
    ],
)
def test_a_borrowing_that_makes_no_sense_is_refused_by_its_field(shop, body, field):
    key = shop.sell()

    async def story(client: httpx.AsyncClient) -> None:
        seat = await sit(client, key, 1)
        refused = await ask(client, seat, "borrow", **body)
        assert code(refused) == (422, "invalid_request")
        assert refused.json()["error"]["details"]["fields"][0]["field"] == field
        assert (await heartbeat(client, seat)).status_code == 200

    play(shop.services, story)


def test_nothing_is_lent_beyond_the_end_of_the_licence(shop):
    key = shop.sell(expires_at=shop.services.clock.now() + timedelta(days=2))

    async def story(client: httpx.AsyncClient) -> None:
        seat = await sit(client, key, 1)
        refused = await ask(client, seat, "borrow", duration="P3D")
        assert code(refused) == (422, "invalid_request") and "end of the licence" in refused.text
        assert (await ask(client, seat, "borrow", duration="P1D")).status_code == 201

    play(shop.services, story)


def test_some_seats_always_stay_in_the_house_however_many_ask_at_once(shop):
    key = shop.sell(seats=7)

    async def story(client: httpx.AsyncClient) -> None:
        seats = [await sit(client, key, number, user=f"user {number}") for number in range(5)]
        answers = await asyncio.gather(*(ask(client, each, "borrow", duration="P1D") for each in seats))
        lent = [each for each in answers if each.status_code == 201]
        assert len(lent) == 4
        refused = [(seat, each) for seat, each in zip(seats, answers, strict=True) if each.status_code != 201]
        for seat, each in refused:
            assert code(each) == (429, "borrow_exhausted")
            assert (await heartbeat(client, seat)).status_code == 200, "who may not borrow keeps the seat"

    play(shop.services, story)


def test_borrowing_and_giving_back_in_turn_makes_no_leases_without_end(shop):
    """Each machine could keep a copy of its lease: what is back counts as away until its lease would have ended."""
    key = shop.sell(seats=5)

    async def story(client: httpx.AsyncClient) -> None:
        for number in (1, 2):
            away = (await ask(client, await sit(client, key, number), "borrow", duration="P7D")).json()
            assert (await release(client, away)).status_code == 204
        third = await sit(client, key, 3)
        assert code(await ask(client, third, "borrow", duration="P7D")) == (429, "borrow_exhausted")
        first = await sit(client, key, 1)
        assert code(await ask(client, first, "borrow", duration="P1D")) == (429, "borrow_exhausted")
        assert (await ask(client, first, "borrow", duration="P7D")).status_code == 201, "it has one anyway"
        shop.services.clock.advance(WEEK + timedelta(seconds=5))
        third = (await acquire(client, key, 3, user="ann")).json()
        assert (await ask(client, third, "borrow", duration="P1D")).status_code == 201

    play(shop.services, story)


def test_a_borrowed_seat_moves_no_further_and_cannot_be_called_back(shop):
    key = shop.sell()

    async def story(client: httpx.AsyncClient) -> None:
        away = (await ask(client, await sit(client, key, 1), "borrow", duration="P3D")).json()
        assert code(await swap(client, away, 2)) == (409, "seat_borrowed")
        assert code(await ask(client, away, "borrow", duration="P7D")) == (409, "seat_borrowed")
        shop.services.api_keys.ensure_admin_key(shop.services.settings.admin_key)
        admin = {"Authorization": f"Bearer {shop.services.settings.admin_key}"}
        path = f"/api/v1/admin/sessions/{away['session_id']}?reason=needed"
        assert code(await client.delete(path, headers=admin)) == (409, "seat_borrowed")

    play(shop.services, story)


# --- and back, without a network ---


class Machine:
    """A machine that keeps the private half of its return key."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()

    @property
    def public(self) -> str:
        return urlsafe_b64encode(self.key.public_key().public_bytes_raw()).rstrip(b"=").decode()

    def says(self, **said: Any) -> str:
        return jwt.encode(said, self.key, algorithm="EdDSA")


async def bring(client: httpx.AsyncClient, seat: dict[str, Any], statement: str) -> httpx.Response:
    return await client.post(f"{BASE}/sessions/{seat['session_id']}/return", json={"statement": statement})


def test_a_person_brings_a_signed_return_and_the_seat_is_free(shop):
    key, machine_ = shop.sell("studio-person", seats=1), Machine()

    async def story(client: httpx.AsyncClient) -> None:
        seat = await sit(client, key, 1)
        away = (await ask(client, seat, "borrow", duration="P10D", return_key=machine_.public)).json()
        statement = machine_.says(sid=away["session_id"], iat=int(datetime.now(UTC).timestamp()), act="return")
        assert (await bring(client, away, statement)).status_code == 204
        assert (await bring(client, away, statement)).status_code == 204
        assert (await acquire(client, key, 2, user="bob")).status_code == 201
        assert (await bring(client, away, statement)).status_code == 204, "and its successor stays"
        assert reason(await heartbeat(client, away)) == (410, "released")

    play(shop.services, story)
    assert shop.reasons() == ["borrowed", "released"]


def test_only_the_machine_that_borrowed_can_sign_the_return(shop):
    key, machine_, stranger = shop.sell(), Machine(), Machine()

    def unsigned(said: dict[str, Any]) -> str:
        parts = (json.dumps({"alg": "none"}), json.dumps(said))
        return ".".join(urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts) + "."

    def edited(statement: str) -> str:
        head, body, signature = statement.split(".")
        said = json.loads(urlsafe_b64decode(body + "==")) | {"iat": 1}
        return f"{head}.{urlsafe_b64encode(json.dumps(said).encode()).rstrip(b'=').decode()}.{signature}"

    async def story(client: httpx.AsyncClient) -> None:
        plain = (await ask(client, await sit(client, key, 1), "borrow", duration="P1D")).json()
        seat = await sit(client, key, 2)
        away = (await ask(client, seat, "borrow", duration="P1D", return_key=machine_.public)).json()
        said = {"sid": away["session_id"], "iat": 1800000000, "act": "return"}
        for statement in (
            stranger.says(**said),
            unsigned(said),
            edited(machine_.says(**said)),
            machine_.says(**{**said, "sid": plain["session_id"]}),
            machine_.says(**{**said, "act": "keep"}),
            jwt.encode(said, machine_.public + "0" * 32, algorithm="HS256"),
            "nonsense",
        ):
            assert code(await bring(client, away, statement)) == (401, "lease_invalid")
        assert code(await bring(client, plain, machine_.says(**said))) == (401, "lease_invalid")
        unknown = {"session_id": UUID(int=5)}
        assert code(await bring(client, unknown, machine_.says(**said))) == (401, "lease_invalid")
        assert (await heartbeat(client, away)).status_code == 200

    play(shop.services, story)

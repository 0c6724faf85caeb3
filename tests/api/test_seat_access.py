"""Who gets a seat of a licence whose people share it under rules, as desktop clients meet them."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import jwt
import pytest

from tests.api.house import House, ask, digest, full, sit
from tests.api.test_seats import code, heartbeat, machine, play, release


@pytest.fixture
def house(services, ann) -> House:
    return House(services, ann)


async def rule(house: House, sold: Any, **rules: Any) -> None:
    answer = await asyncio.to_thread(house.rule, sold, **rules)
    assert answer.status_code == 200, answer.text


def test_only_those_included_sit_and_whoever_is_let_in_later_gets_in_at_once(services, house):
    sold = house.sell()

    async def story(client: httpx.AsyncClient) -> None:
        await rule(house, sold, include={"users": ["ada"], "machines": [machine(7)]})
        await sit(client, sold, 1, "ada")
        await sit(client, sold, 7)
        assert code(await ask(client, sold, 2, "bob")) == (403, "seat_not_allowed")
        assert code(await ask(client, sold, 3)) == (403, "seat_not_allowed")
        await rule(house, sold, include={"users": ["ada", "bob"]})
        await sit(client, sold, 2, "bob")
        await rule(house, sold)
        await sit(client, sold, 3)

    play(services, story)


def test_who_is_excluded_keeps_the_seat_but_gets_no_other(services, house):
    sold = house.sell()

    async def story(client: httpx.AsyncClient) -> None:
        seat = await sit(client, sold, 1, "bob")
        await rule(house, sold, include={"users": ["bob"]}, exclude={"users": ["bob"]})
        assert (await heartbeat(client, seat)).status_code == 200
        assert code(await ask(client, sold, 1, "bob")) == (403, "seat_not_allowed")
        assert code(await ask(client, sold, 2, "bob")) == (403, "seat_not_allowed")
        assert (await heartbeat(client, seat)).status_code == 200
        assert (await release(client, seat)).status_code == 204
        assert code(await ask(client, sold, 1, "bob")) == (403, "seat_not_allowed")

    play(services, story)


def test_machines_and_whole_groups_are_let_in_and_left_out(services, house):
    sold = house.sell(groups={"design": {}, "interns": {}})
    people = {"design": {"users": ["ada"], "machines": [machine(5)]}, "interns": {"users": ["ian", "ada"]}}

    async def story(client: httpx.AsyncClient) -> None:
        lists = {"include": {"groups": ["design"]}, "exclude": {"machines": [{"digest": digest(9)}]}}
        await rule(house, sold, groups=people, **lists)
        await sit(client, sold, 1, "ada")
        await sit(client, sold, 5)
        assert code(await ask(client, sold, 2, "ian")) == (403, "seat_not_allowed")
        assert code(await ask(client, sold, 9, "ada")) == (403, "seat_not_allowed")
        await rule(house, sold, groups=people, exclude={"groups": ["interns"]})
        assert code(await ask(client, sold, 1, "ada")) == (403, "seat_not_allowed")
        await sit(client, sold, 3, "somebody")

    play(services, story)


@pytest.mark.parametrize("same", ["ADA@EXAMPLE.TEST", "ａｄａ＠ｅｘａｍｐｌｅ.ｔｅｓｔ", " ada@example.test "])
def test_case_and_width_of_a_name_do_not_matter(services, house, same):
    sold = house.sell(leasing="user")

    async def story(client: httpx.AsyncClient) -> None:
        seat = await sit(client, sold, 1, "Ada@example.test")
        assert (await ask(client, sold, 2, same)).json()["session_id"] == seat["session_id"]
        await rule(house, sold, exclude={"users": ["ada@Example.Test"]})
        assert code(await ask(client, sold, 3, same)) == (403, "seat_not_allowed")

    play(services, story)


def test_seats_reserved_for_a_group_are_left_to_its_members(services, house):
    sold = house.sell(seats=4, groups={"design": {"reserved": 2}})

    async def story(client: httpx.AsyncClient) -> None:
        await rule(house, sold, groups={"design": {"users": ["ada", "dora", "dan"]}})
        await sit(client, sold, 1, "bob")
        await sit(client, sold, 2, "ben")
        assert full(await ask(client, sold, 3, "bea")) == {"limit": 4, "used": 2, "axis": "reserved"}
        ada = await sit(client, sold, 4, "ada")
        assert full(await ask(client, sold, 3, "bea")) == {"limit": 4, "used": 3, "axis": "reserved"}
        await sit(client, sold, 5, "dora")
        assert full(await ask(client, sold, 6, "dan")) == {"limit": 4, "used": 4}
        assert (await release(client, ada)).status_code == 204
        assert full(await ask(client, sold, 3, "bea"))["axis"] == "reserved"
        await sit(client, sold, 6, "dan")

    play(services, story)
    assert house.most_at_once("group:design") == 2


def test_members_beyond_the_reservation_take_what_is_there_for_all(services, house):
    sold = house.sell(seats=3, groups={"design": {"reserved": 1}})

    async def story(client: httpx.AsyncClient) -> None:
        await rule(house, sold, groups={"design": {"machines": [machine(1), machine(2)]}})
        await sit(client, sold, 1)
        await sit(client, sold, 2)
        await sit(client, sold, 3)
        assert full(await ask(client, sold, 4)) == {"limit": 3, "used": 3}

    play(services, story)


def test_a_group_never_holds_more_than_its_limit(services, house):
    sold = house.sell(groups={"interns": {"limit": 2}})

    async def story(client: httpx.AsyncClient) -> None:
        await rule(house, sold, groups={"interns": {"users": ["ian", "ines", "ivo"]}})
        ian = await sit(client, sold, 1, "ian")
        await sit(client, sold, 2, "ines")
        refused = await ask(client, sold, 3, "ivo")
        assert full(refused) == {"limit": 2, "used": 2, "axis": "group"}
        assert int(refused.headers["RateLimit-Remaining"]) < int(refused.headers["RateLimit-Limit"])
        assert (await ask(client, sold, 1, "ian")).status_code == 200
        await sit(client, sold, 4, "somebody else")
        assert (await release(client, ian)).status_code == 204
        await sit(client, sold, 3, "ivo")

    play(services, story)
    assert house.most_at_once("group:interns") == 2


def test_who_meets_the_limit_of_a_group_is_told_of_the_queue_and_who_meets_his_own_is_not(services, house):
    sold = house.sell(seats_per_user=1, groups={"interns": {"limit": 1}}, queue={})

    async def story(client: httpx.AsyncClient) -> None:
        await rule(house, sold, groups={"interns": {"users": ["ian", "ivo"]}})
        await sit(client, sold, 1, "ian")
        assert full(await ask(client, sold, 2, "ivo")) == {"limit": 1, "used": 1, "axis": "group", "queue": True}
        assert full(await ask(client, sold, 3, "ian")) == {"limit": 1, "used": 1, "axis": "user"}

    play(services, story)


def test_one_user_holds_no_more_seats_than_the_plan_says_on_however_many_machines(services, house):
    sold = house.sell(seats_per_user=2)

    async def story(client: httpx.AsyncClient) -> None:
        first = await sit(client, sold, 1, "ada")
        await sit(client, sold, 2, "ADA")
        assert full(await ask(client, sold, 3, "ada")) == {"limit": 2, "used": 2, "axis": "user"}
        assert (await ask(client, sold, 2, "ada")).status_code == 200
        await sit(client, sold, 3, "bob")
        assert (await release(client, first)).status_code == 204
        await sit(client, sold, 4, "ada")

    play(services, story)


def test_where_people_hold_seats_all_their_machines_share_one(services, house):
    sold = house.sell(seats=2, leasing="user")

    async def story(client: httpx.AsyncClient) -> None:
        desk = await sit(client, sold, 1, "ada")
        answer = await ask(client, sold, 2, "ada")
        laptop = answer.json()
        assert answer.status_code == 200
        assert (laptop["session_id"], laptop["seats"]) == (desk["session_id"], {"limit": 2, "used": 1})
        leases = [jwt.decode(each["lease"], options={"verify_signature": False}) for each in (desk, laptop)]
        assert [each["fp"] for each in leases] == [digest(1), digest(2)]
        for each in (desk, laptop, desk):
            assert (await heartbeat(client, each)).status_code == 200
        await sit(client, sold, 1, "bob")
        assert full(await ask(client, sold, 3, "cid")) == {"limit": 2, "used": 2}
        assert (await release(client, laptop)).status_code == 204
        for each in (desk, laptop):
            gone = await heartbeat(client, each)
            assert gone.status_code == 410 and gone.json()["error"]["details"] == {"reason": "released"}
        await sit(client, sold, 3, "cid")

    play(services, story)


@pytest.mark.parametrize("policy", [{"leasing": "user"}, {"seats_per_user": 2}])
def test_a_person_must_be_named_where_people_count(services, house, policy):
    sold = house.sell(**policy)

    async def story(client: httpx.AsyncClient) -> None:
        for _ in range(2):
            answer = await ask(client, sold, 1)
            assert code(answer) == (422, "invalid_request")
            assert [each["field"] for each in answer.json()["error"]["details"]["fields"]] == ["user"]
        await sit(client, sold, 1, "ada")

    play(services, story)
    assert len(house.opened()) == 1


def test_of_fewer_seats_than_are_reserved_the_most_urgent_group_has_them(services, house):
    sold = house.sell(seats=6, groups={"design": {"reserved": 2}, "staff": {"reserved": 2, "priority": 5}})

    async def story(client: httpx.AsyncClient) -> None:
        await rule(house, sold, groups={"design": {"users": ["ada"]}, "staff": {"users": ["sam", "sue"]}})
        await asyncio.to_thread(services.licenses.resize, sold.id, 2, reason="fewer were paid")
        for number, user in ((1, "ada"), (2, "nobody")):
            assert full(await ask(client, sold, number, user)) == {"limit": 2, "used": 0, "axis": "reserved"}
        await sit(client, sold, 3, "sam")
        await sit(client, sold, 4, "sue")
        await asyncio.to_thread(services.licenses.resize, sold.id, 3, reason="one more was paid")
        assert full(await ask(client, sold, 2, "nobody"))["axis"] == "reserved"
        await sit(client, sold, 1, "ada")

    play(services, story)


def test_limits_hold_though_redis_forgets_everything_in_between(services, house, redis):
    sold = house.sell(seats=8, seats_per_user=2, groups={"design": {"reserved": 3}, "interns": {"limit": 1}})

    async def story(client: httpx.AsyncClient) -> None:
        people = {"design": {"users": ["ada"]}, "interns": {"users": ["ian", "ivo"]}}
        await rule(house, sold, groups=people, exclude={"users": ["eve"]})
        seats = [await sit(client, sold, number, "ada") for number in (1, 2)]
        seats.append(await sit(client, sold, 3, "ian"))
        redis.flushall()
        assert full(await ask(client, sold, 4, "ada"))["axis"] == "user"
        redis.flushall()
        assert full(await ask(client, sold, 5, "ivo"))["axis"] == "group"
        redis.flushall()
        assert code(await ask(client, sold, 6, "eve")) == (403, "seat_not_allowed")
        for number in range(10, 14):
            redis.flushall()
            await sit(client, sold, number, f"guest {number}")
        redis.flushall()
        assert full(await ask(client, sold, 20, "guest 20")) == {"limit": 8, "used": 7, "axis": "reserved"}
        for seat in seats:
            assert (await heartbeat(client, seat)).status_code == 200

    play(services, story)


def test_seats_above_those_that_were_bought_are_marked(services, house, caught_up):
    sold = house.sell(seats=2, overage=0.5)

    async def story(client: httpx.AsyncClient) -> None:
        first = await sit(client, sold, 1)
        assert [first["overage"], (await sit(client, sold, 2))["overage"]] == [False, False]
        third = await sit(client, sold, 3)
        assert (third["overage"], third["seats"]) == (True, {"limit": 3, "used": 3})
        assert full(await ask(client, sold, 4)) == {"limit": 3, "used": 3}
        assert (await release(client, first)).status_code == 204
        assert (await release(client, third)).status_code == 204
        assert (await sit(client, sold, 5))["overage"] is False

    play(services, story)
    assert [each["overage"] for each in house.opened()] == [False, False, True, False]
    caught_up()
    events = house.owner.client.get("/audit/events", params={"type": "seat.session_opened"}).json()["data"]
    marked = [each["sentence"].endswith(", above the seats that were bought") for each in events]
    assert marked == [False, False, True, False]


def test_with_overage_without_end_every_seat_above_is_marked(services, house):
    sold = house.sell(seats=1, overage="unlimited")

    async def story(client: httpx.AsyncClient) -> None:
        seats = [await sit(client, sold, number) for number in range(4)]
        assert [each["overage"] for each in seats] == [False, True, True, True]
        assert seats[-1]["seats"] == {"limit": None, "used": 4}

    play(services, story)
    assert [each["overage"] for each in house.opened()] == [False, True, True, True]

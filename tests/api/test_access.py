"""Every route of the OpenAPI document, called as everybody: each does what its rule says, as does docs/roles.md."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import APIRouter

from api.access import Rule, Who, rule_of
from api.app import create_app
from api.auth import Caller
from api.server import application
from domain.api_key import OWNER_SCOPES, Scope
from domain.errors import NotFound
from domain.role import Role
from tests.api.conftest import Member
from tests.api.household import joined
from tests.api.people_engine import Client
from tests.api.roles_page import Ruled, on_page, ruled_routes, written
from tests.api.test_tenants import anns, asked  # noqa: F401  (a fixture)

Verdict = str
LET_IN, UNKNOWN, FORBIDDEN, ABSENT, NO_HOLDER = "let in", "401", "403", "404", "without what opens it"
ENDS_ITS_CALLER = [("POST", "/organizations/{organization_id}/leave"), ("DELETE", "/me")]
"""Called last, each as people who are there for it; the owner would be asked to hand over first."""


def people(services, client: Client, owner: Member) -> dict[str, Client]:
    """One member for each role, and somebody who is a member of nothing."""
    made: dict[str, Client] = {"owner": owner.client}
    for role in (Role.ADMIN, Role.DEVELOPER, Role.VIEWER):
        made[role] = joined(services, client, owner, role, f"{role}-{uuid4().hex[:6]}@example.test").client
    gone = joined(services, client, owner, Role.VIEWER, f"gone-{uuid4().hex[:6]}@example.test")
    gone_id = gone.client.get("/me").json()["user_id"]
    owner.client.delete(f"/organizations/{owner.organization_id}/members/{gone_id}")
    tokens = services.logins.start(services.users.profile(UUID(gone_id)).user)
    return made | {"nowhere": client.as_(tokens.access_token)}


class Keys:
    """API keys of the owner's, made once for each set of scopes."""

    def __init__(self, client: Client, owner: Member) -> None:
        self._client = client
        self._owner = owner
        self._made: dict[frozenset[Scope], Client] = {}

    def with_(self, scopes: frozenset[Scope]) -> Client:
        if scopes not in self._made:
            body = {"name": "one", "scopes": sorted(scopes)}
            self._made[scopes] = self._client.as_(self._owner.client.post("/api-keys", json=body).json()["secret"])
        return self._made[scopes]


def expected(caller: str, route: Ruled, is_about_one: bool) -> Verdict:
    """What a caller of this kind has to hear, by the rule and by nothing else."""
    rule = route.rule
    if rule.who is Who.ANYBODY:
        return LET_IN
    if rule.who is Who.HOLDER:
        return NO_HOLDER
    if caller == "nobody":
        return UNKNOWN
    if rule.who is Who.VENDOR:
        return LET_IN if caller == "vendor" else FORBIDDEN
    if rule.who is Who.PERSON:
        return LET_IN if caller in (*Role, "stranger", "nowhere") else FORBIDDEN
    if "{organization_id}" in route.path and caller in ("stranger", "nowhere"):
        return ABSENT
    if caller in ("vendor", "key with"):
        return LET_IN if rule.keys else FORBIDDEN
    if caller == "key without":
        return FORBIDDEN if rule.scopes or not rule.keys else LET_IN
    if caller == "nowhere":
        return FORBIDDEN
    if caller == "stranger":
        return ABSENT if is_about_one else LET_IN
    return LET_IN if Role(caller).covers(rule.role) else FORBIDDEN


def verdict(response: Any) -> Verdict:
    if response.status_code in (401, 403, 404):
        code = response.json()["error"]["code"]
        named = {"not_authenticated": UNKNOWN, "not_allowed": FORBIDDEN, "not_found": ABSENT}
        return named.get(code, NO_HOLDER)
    return LET_IN


def fits(wanted: Verdict, response: Any, path: str) -> bool:
    if response.status_code >= 500 or response.status_code == 405:
        return path == "/health/ready"  # it tells the truth: the other processes do not run here
    heard = verdict(response)
    if wanted == LET_IN:
        return heard in (LET_IN, ABSENT)  # what it asked for may not be there
    if wanted == NO_HOLDER:
        return response.status_code in (400, 401, 422)
    return heard == wanted


def test_every_route_lets_in_whom_its_rule_names_and_nobody_else(services, client, admin, ann, bob, anns):  # noqa: F811
    keys = Keys(client, ann)
    usual = people(services, client, ann)
    nothing = {name: str(uuid4()) for name in anns} | {
        "organization_id": anns["organization_id"],
        "fingerprint_digest": anns["fingerprint_digest"],
        "stream": "license",
        "stream_id": str(uuid4()),
        "code": "nothing",
        "mail_id": str(uuid4()),
        "name": "nothing",
    }
    theirs = nothing | anns | {"stream_id": anns["license_id"]}
    wrong, tried = [], 0
    last = {route: place for place, route in enumerate(ENDS_ITS_CALLER, 1)}
    for route in sorted(ruled_routes(), key=lambda each: last.get(each[:2], 0)):
        scopes = frozenset(route.rule.scopes)
        callers = people(services, client, ann) if route[:2] in ENDS_ITS_CALLER else usual
        callers = callers | {
            "vendor": admin,
            "stranger": bob.client,
            "nobody": client,
            "key with": keys.with_((scopes - {Scope.ADMIN}) or frozenset({Scope.USAGE_READ})),
            "key without": keys.with_(OWNER_SCOPES - scopes),
        }
        about = re.findall(r"{(\w+)}", route.path)
        for name, caller in callers.items():
            ids = theirs if name == "stranger" or route.method == "GET" else nothing
            response = asked(caller, route.method, _address(route.path, ids))
            tried += 1
            if not fits(expected(name, route, bool(about)), response, route.path):
                wrong.append(f"{route.method} {route.path} as {name}: {response.status_code} {response.text[:160]}")
    assert not wrong, "\n".join(wrong)
    assert tried > 600


def _address(path: str, ids: dict[str, str]) -> str:
    filled = re.sub(r"{(\w+)}", lambda match: ids[match[1]], path)
    return f"/{filled}" if path.startswith(("/health", "/.well-known")) else filled


def test_every_documented_route_has_a_rule(client):
    documented = {
        (method.upper(), path.removeprefix("/api/v1"))
        for path, methods in client.get("//openapi.json").json()["paths"].items()
        for method in methods
    }
    assert documented == {(each.method, each.path) for each in ruled_routes()}


def test_the_page_says_who_may_call_what():
    assert on_page() == written(), "run: python -m tests.api.roles_page"


def test_an_application_does_not_start_with_a_route_that_names_nobody(services):
    silent = APIRouter()
    silent.get("/silent")(lambda: None)
    with pytest.raises(RuntimeError, match="/silent"):
        create_app(services, more=[silent])


def test_a_rule_that_contradicts_another_is_none(services):
    """Whoever reads only one of them would be wrong."""
    from api.auth import ANYBODY, require

    torn = APIRouter(dependencies=[ANYBODY])
    torn.get("/torn", dependencies=[require(Scope.AUDIT)])(lambda: None)
    assert rule_of(torn.routes[0]) is None


def test_the_whole_application_of_a_process_has_rules(services):
    assert application(services) is not None


@pytest.mark.parametrize("rule", [Rule(Who.MEMBER), Rule(Who.PERSON), Rule(Who.VENDOR)])
def test_a_credential_that_does_not_hold_opens_nothing(client, rule):
    paths = {Who.MEMBER: "/licenses", Who.PERSON: "/me", Who.VENDOR: "/admin/overview"}
    for bearer in ("usk_nothing", "eyJ.eyJ.sig", "x"):
        assert client.as_(bearer).get(paths[rule.who]).status_code == 401


def test_a_person_who_is_a_member_of_nothing_is_not_taken_for_the_vendor():
    """Neither acts for an organization; the one sees all of them."""
    nowhere = Caller("user:1", None, frozenset(), uuid4())
    vendor = Caller("key:1", None, frozenset({Scope.LICENSES_READ}))
    assert vendor.narrow(None) is None and vendor.sees_all and not nowhere.sees_all
    for organization_id in (None, uuid4()):
        vendor.must_see(organization_id, "key", 1)
        for act in (nowhere.narrow, lambda id: nowhere.must_see(id, "key", 1)):
            with pytest.raises(NotFound):
                act(organization_id)

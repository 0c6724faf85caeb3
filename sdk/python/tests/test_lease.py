"""Which lease is believed: signed by a published key, in the one way there is, for this machine, seat and product."""

from __future__ import annotations

import json
from typing import Any

import pytest
from stand_in import LICENSE_ID, Engine, Session, SigningKey, decoded, digest, encoded
from table import Table

from usher_client import KeySet, LeaseOver, LeaseUntrusted, State, Unavailable, read_lease
from usher_client.keys import UnknownKey
from usher_client.lease import Lease, fingerprint_digest

NOW = 1_760_000_000
MACHINE = "fingerprint-of-ada"


@pytest.fixture
def claims(engine) -> dict[str, Any]:
    engine.now = lambda: NOW
    return engine.claims(Session("0199c1a2-0000-7000-8000-00000000000a", 3, MACHINE))


@pytest.fixture
def key(engine) -> SigningKey:
    return engine.keys[0]


@pytest.fixture
def keys(engine) -> KeySet:
    return KeySet({"keys": [key.jwk() for key in engine.keys]})


def refused(token: Any, keys: KeySet) -> str:
    with pytest.raises(LeaseUntrusted) as problem:
        read_lease(token, keys)
    return problem.value.reason


def test_a_lease_says_who_sits_where_until_when_with_what(claims, key, keys):
    lease = read_lease(key.jwt(claims), keys)
    assert (lease.seat, lease.session_id, lease.license_id) == (3, claims["sid"], LICENSE_ID)
    assert (lease.issued_at, lease.expires, lease.ends) == (NOW, NOW + 360, NOW + 360 + 1800)
    assert (lease.product, lease.features, lease.borrowed) == ("coditect", {"api": True, "projects": 10}, False)


def test_a_claim_of_a_later_version_is_passed_over(claims, key, keys):
    assert isinstance(read_lease(key.jwt({**claims, "new": [1]}), keys), Lease)


def test_an_algorithm_that_the_token_chooses_is_never_used(claims, key, keys):
    for alg in ("none", "None", "", None, "HS256", "eddsa", "Ed25519", "RS256", ["EdDSA"]):
        assert "algorithm" in refused(key.jwt(claims, alg=alg), keys)
    unsigned = key.jwt(claims, alg="none").rpartition(".")[0] + "."
    assert "algorithm" in refused(unsigned, keys)


def test_a_lease_without_a_signature_does_not_hold(claims, key, keys):
    assert "signature" in refused(key.jwt(claims).rpartition(".")[0] + ".", keys)


@pytest.mark.parametrize("name", ["seat", "fp", "exp", "grace", "lic", "sid", "product", "features"])
def test_an_edited_claim_breaks_the_signature(claims, key, keys, name):
    header, _, signature = key.jwt(claims).split(".")
    edited = {**claims, name: {"sso": True} if name == "features" else 7}
    assert "signature" in refused(f"{header}.{encoded(edited)}.{signature}", keys)


def test_a_key_that_is_not_published_is_asked_for_and_not_believed(claims, key, keys):
    with pytest.raises(UnknownKey):
        read_lease(SigningKey().jwt(claims), keys)
    forged = SigningKey()
    forged.kid = key.kid
    assert "signature" in refused(forged.jwt(claims), keys)
    for kid in (None, 7, ["x"], {}):
        assert "names no key" in refused(key.jwt(claims, kid=kid), keys)


def test_a_key_that_comes_with_the_lease_is_not_looked_at(claims, keys):
    own = SigningKey()
    with pytest.raises(UnknownKey):
        read_lease(own.jwt(claims, jwk=own.jwk(), jku="https://evil.example/keys"), keys)


def test_a_condition_that_we_do_not_know_is_not_met(claims, key, keys):
    assert "conditions" in refused(key.jwt(claims, crit=["b64"], b64=False), keys)


@pytest.mark.parametrize(
    ("name", "value"),
    [("seat", True), ("seat", "3"), ("exp", 1.5), ("grace", None), ("fp", 5), ("features", []), ("bor", 1)],
)
def test_a_claim_of_another_type_does_not_count(claims, key, keys, name, value):
    assert "another type" in refused(key.jwt({**claims, name: value}), keys)


@pytest.mark.parametrize("name", ["sid", "lic", "seat", "fp", "iat", "exp", "grace", "product", "features"])
def test_a_claim_that_is_missing_does_not_count(claims, key, keys, name):
    del claims[name]
    assert name in refused(key.jwt(claims), keys)


@pytest.mark.parametrize(
    "token", [None, 7, b"a.b.c", "", "a.b", "a.b.c.d", "..", "é.é.é", "e30.e30.e30", "W10.e30.AA", "x" * 40_000]
)
def test_what_is_no_lease_at_all_is_refused(token, keys):
    refused(token, keys)


def test_a_signature_has_one_spelling(claims, key, keys):
    token = key.jwt(claims)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    signature = token.rpartition(".")[2]
    same = [signature[:-1] + last for last in alphabet if decoded(signature[:-1] + last) == decoded(signature)]
    assert len(same) == 16
    for other in [*(token[: -len(signature)] + spelling for spelling in same), token + "=", token + "\n", " " + token]:
        if other != token:
            refused(other, keys)


def test_the_machine_is_told_by_its_fingerprint_to_the_letter(claims, key, keys):
    lease = read_lease(key.jwt(claims), keys)
    lease.check_holder(MACHINE, "coditect")
    full_width = "".join(chr(ord(letter) + 0xFEE0) if letter.isalpha() else letter for letter in MACHINE)
    for other in (MACHINE.upper(), MACHINE + " ", full_width):
        with pytest.raises(LeaseUntrusted, match="another machine"):
            lease.check_holder(other)
    with pytest.raises(LeaseUntrusted, match="another product"):
        lease.check_holder(MACHINE, "cortex")


def test_the_digest_is_the_one_of_the_contract():
    assert fingerprint_digest("machine-000001") == digest("machine-000001")
    assert len(fingerprint_digest("gerät-nummer-eins")) == 43


def test_a_lease_holds_from_its_issue_to_the_end_of_its_grace(claims, key, keys):
    lease = read_lease(key.jwt(claims), keys)
    for now in (NOW - 300, NOW, NOW + 2159):
        lease.check_time(now)
    with pytest.raises(LeaseUntrusted, match="set back"):
        lease.check_time(NOW - 301)
    with pytest.raises(LeaseOver):
        lease.check_time(NOW + 2160)


@pytest.mark.parametrize("jwks", [{}, {"keys": {}}, {"keys": None}, [], None, {"keys": [1] * 2000}])
def test_what_is_no_key_set_is_refused(jwks):
    with pytest.raises(ValueError):
        KeySet(jwks)


def test_keys_of_other_kinds_sign_no_lease(claims, key):
    jwk = key.jwk()
    others = [{"kty": "RSA"}, {"crv": "X25519"}, {"alg": "none"}, {"alg": "RS256"}, {"alg": None}, {"kty": None}]
    for other in others:
        with pytest.raises(UnknownKey):
            read_lease(key.jwt(claims), KeySet({"keys": ["?", {}, {**jwk, **other}]}))
    for x in ("", "AAAA", None, 5, jwk["x"] + "=", "é"):
        assert "signature" in refused(key.jwt(claims), KeySet({"keys": [{**jwk, "x": x}]}))
    rsa = {"kty": "RSA", "alg": "RS256", "n": "AQAB", "e": "AQAB", "kid": key.kid}
    assert "kind of key" in refused(key.jwt(claims), KeySet({"keys": [rsa]}))


class TestAnUsherThatAnswersALeaseThatDoesNotHold:
    """Whatever signs or edits it: the program is not seated by it, and the seat it has stays as it was."""

    WRONG = {
        "another machine": {"fp": digest("fingerprint-of-bob")},
        "another product": {"product": "cortex"},
        "another session": {"sid": LICENSE_ID},
        "another seat": {"seat": 2},
        "no time at all": {"exp": 0},
    }

    @pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
    def test_the_program_does_not_sit_down(self, engine, tmp_path, wrong):
        engine.rewrite = lambda claims: {**claims, **wrong}
        with pytest.raises(LeaseUntrusted):
            Table(engine, tmp_path).sit()

    @pytest.mark.parametrize("wrong", [*WRONG.values(), {"lic": "another"}], ids=[*WRONG, "another licence"])
    def test_a_heartbeat_with_it_is_as_good_as_none(self, engine, tmp_path, wrong):
        table = Table(engine, tmp_path)
        sitting = table.sit()
        before = sitting.held
        engine.rewrite = lambda claims: {**claims, **wrong}
        table.look(sitting, after=350)
        assert sitting.held == before and sitting.status.state is State.OFFLINE
        assert isinstance(sitting.status.error, LeaseUntrusted)
        engine.rewrite = lambda claims: claims
        table.look(sitting, after=300)
        assert sitting.status.state is State.SEATED


class TestKeysThatChange:
    def test_a_new_key_is_fetched_once_when_it_is_met(self, engine, tmp_path):
        table = Table(engine, tmp_path)
        sitting = table.sit()
        engine.keys.insert(0, SigningKey())
        assert table.look(sitting, after=300) == ["PATCH heartbeat", "GET usher-keys.json"]
        assert table.look(sitting, after=300) == ["PATCH heartbeat"]

    def test_a_key_that_stays_unknown_is_not_asked_for_without_end(self, engine, tmp_path):
        table = Table(engine, tmp_path)
        sitting = table.sit()
        published, engine.keys = engine.keys, [SigningKey()]
        answer = engine.answer
        engine.answer = lambda method, path, *rest: (
            (200, {"keys": [key.jwk() for key in published]}) if "keys" in path else answer(method, path, *rest)
        )
        engine._is_lease_of = lambda *_: True
        said = table.look(sitting, after=355)
        assert said.count("PATCH heartbeat") > 3 and said.count("GET usher-keys.json") <= 2

    def test_a_key_that_was_taken_back_does_not_open_the_lease_of_the_last_run(self, engine, tmp_path):
        table = Table(engine, tmp_path)
        table.sit()
        engine.keys = [SigningKey()]
        table.run(table.talk.keys._fetch())
        table.answering = False
        table.new_run()
        with pytest.raises(Unavailable):
            table.sit()

    def test_keys_that_the_program_ships_are_the_only_ones(self, engine, tmp_path):
        shipped = {"keys": [key.jwk() for key in engine.keys]}
        table = Table(engine, tmp_path, keys=shipped)
        sitting = table.sit()
        assert not any("keys" in call.path for call in table.calls)
        engine.keys.insert(0, SigningKey())
        table.look(sitting, after=350)
        assert isinstance(sitting.status.error, LeaseUntrusted)
        assert not any("keys" in call.path for call in table.calls)
        assert [path.name.split("-")[0] for path in tmp_path.iterdir()] == ["seat"]

    def test_a_program_without_keys_is_not_seated_on_trust(self, engine, tmp_path):
        table, answer = Table(engine, tmp_path, patience=0), Engine.answer

        def without_keys(method: str, path: str, *rest: Any) -> Any:
            if "keys" in path:
                return 200, json.loads('{"keys": []}')
            return answer(engine, method, path, *rest)

        engine.answer = without_keys
        with pytest.raises(LeaseUntrusted, match="unknown key"):
            table.sit()

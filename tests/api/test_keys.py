"""The published keys."""

from __future__ import annotations

from adapters.signing_key import Algorithm


def test_the_key_set_is_public_cacheable_and_holds_no_private_half(services, client):
    response = client.get("//.well-known/usher-keys.json")
    assert response.status_code == 200
    (key,) = response.json()["keys"]
    assert (key["kty"], key["crv"], key["use"]) == ("OKP", "Ed25519", "sig")
    assert "d" not in key
    assert response.headers["Cache-Control"] == "public, max-age=300"
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_a_rotated_key_stays_published_beside_the_new_one(services, client):
    (old,) = client.get("//.well-known/usher-keys.json").json()["keys"]
    new = services.signing.rotate(Algorithm.ED25519, services.clock.now())
    kids = {key["kid"] for key in client.get("//.well-known/usher-keys.json").json()["keys"]}
    assert kids == {old["kid"], new.kid}

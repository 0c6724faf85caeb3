"""`usher license rules`: who may sit on a licence, as the vendor shows and sets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from domain.organization import Organization

STUDIO = Path(__file__).parents[2] / "docs" / "catalogs" / "studio.yaml"
RULES = """
groups:
  design: {users: [ada@example.test], machines: [machine-000001]}
exclude:
  users: [bob@example.test]
reason: the team of this year
"""


@pytest.fixture
def licence(engine, services) -> str:
    owner = Organization.register(id=services.clock.new_id(), now=services.clock.now())
    services.store.add(owner)
    engine("catalog", "apply", STUDIO)
    return engine("license", "issue", "--organization", owner.id, "--plan", "studio-team", "--json").json["id"]


@pytest.fixture
def file(tmp_path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    return file


def test_rules_are_set_from_a_file_and_shown(engine, licence, file):
    assert "group design   nobody" in engine("license", "rules", licence).out
    said = engine("license", "rules", licence, "--set", file)
    assert said.code == 0
    assert "group design   user ada@example.test, machine " in said.out
    assert "exclude        user bob@example.test" in said.out
    assert engine("license", "rules", licence).out == said.out


def test_what_is_shown_as_json_can_be_set_again_with_a_reason(engine, services, licence, file, tmp_path):
    shown = engine("license", "rules", licence, "--set", file, "--json").json
    again = tmp_path / "again.json"
    again.write_text(json.dumps({**shown, "exclude": {}}))
    said = engine("license", "rules", licence, "--set", again, "--reason", "Bob is back", "--json").json
    assert said == {**shown, "exclude": {"users": [], "machines": [], "groups": []}}
    (state,) = services.database.fetch_all(
        "select actor, state->>'reason' as reason from stored_events where topic = 'license.seat_rules_set'"
        " order by notification_id desc limit 1"
    )
    assert (state["actor"], state["reason"]) == ("operator", "Bob is back")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("groups: {desing: {users: [ada]}}\nreason: x", "groups.desing: is no group of this licence's plan"),
        ("groups: {design: {users: [ada]}}", "reason: Field required"),
        ("exclude: {machines: [short]}\nreason: x", "exclude.machines.0.fingerprint: String should have at least"),
        ("- a list", "Input should be a valid dictionary"),
        ("groups: {", "neither JSON nor YAML"),
        ("", "Input should be a valid dictionary"),
    ],
)
def test_a_file_that_is_wrong_changes_nothing(engine, services, licence, file, text, said):
    file.write_text(text)
    failed = engine("license", "rules", licence, "--set", file)
    assert failed.code == 1 and said in failed.err
    assert services.licenses.fetch(licence).seat_rules.members == {}


def test_a_file_that_is_not_there_is_named(engine, licence):
    assert engine("license", "rules", licence, "--set", "/no/such.yaml").err.startswith("usher: /no/such.yaml: No such")

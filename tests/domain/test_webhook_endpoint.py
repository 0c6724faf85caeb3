"""An endpoint's life, as the log has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.errors import Conflict, NotFound
from domain.webhook_endpoint import DisabledReason, WebhookEndpoint

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ID = UUID("01934a6e-1c00-7000-8000-000000000001")
REPLAY = UUID("01934a6e-1c00-7000-8000-000000000002")


@pytest.fixture
def endpoint() -> WebhookEndpoint:
    endpoint = WebhookEndpoint.add(id=ID, organization_id=None, url_digest="a", types=("license.*",), now=NOW)
    endpoint.collect_events()
    return endpoint


def facts(endpoint: WebhookEndpoint) -> list[str]:
    return [type(event).__name__ for event in endpoint.collect_events()]


def test_it_begins_enabled_and_without_its_address_in_the_log():
    endpoint = WebhookEndpoint.add(id=ID, organization_id=None, url_digest="a", types=("*",), now=NOW)
    (added,) = endpoint.collect_events()
    assert endpoint.disabled is None and not endpoint.is_removed
    assert set(vars(added)) >= {"organization_id", "url_digest", "types"}
    assert not {"url", "secret", "description"} & set(vars(added))


def test_what_is_the_same_is_no_fact(endpoint):
    endpoint.redirect("a", now=NOW)
    endpoint.filter(("license.*",), now=NOW)
    endpoint.enable(None, now=NOW)
    assert facts(endpoint) == []
    endpoint.redirect("b", now=NOW)
    endpoint.filter(("*",), now=NOW)
    assert facts(endpoint) == ["Redirected", "Filtered"]
    assert (endpoint.url_digest, endpoint.types) == ("b", ("*",))


def test_it_is_disabled_once_and_the_first_reason_stands(endpoint):
    endpoint.disable(DisabledReason.GONE, now=NOW)
    endpoint.disable(DisabledReason.BY_HAND, now=NOW)
    assert facts(endpoint) == ["Disabled"]
    assert endpoint.disabled is DisabledReason.GONE


def test_it_goes_on_from_a_position_or_from_now(endpoint):
    endpoint.disable(DisabledReason.BY_HAND, now=NOW)
    endpoint.enable(17, now=NOW)
    *_, enabled = endpoint.collect_events()
    assert enabled.from_position == 17 and endpoint.disabled is None


def test_one_that_is_enabled_is_replayed_to_instead(endpoint):
    with pytest.raises(Conflict):
        endpoint.enable(17, now=NOW)


def test_a_secret_that_is_rotated_says_until_when_the_former_one_signs(endpoint):
    endpoint.rotate_secret(overlap=timedelta(hours=1), now=NOW)
    assert endpoint.former_secret_until == NOW + timedelta(hours=1)


def test_a_replay_is_a_fact_and_its_stop_another_once(endpoint):
    endpoint.replay(REPLAY, from_position=1, to_position=9, types=("*",), now=NOW)
    assert endpoint.replays == {REPLAY}
    endpoint.stop_replay(REPLAY, now=NOW)
    endpoint.stop_replay(REPLAY, now=NOW)
    assert facts(endpoint) == ["ReplayStarted", "ReplayStopped"]
    assert endpoint.replays == frozenset()


def test_a_replay_that_never_was_cannot_be_stopped(endpoint):
    with pytest.raises(NotFound):
        endpoint.stop_replay(REPLAY, now=NOW)


def test_a_disabled_endpoint_is_not_replayed_to(endpoint):
    endpoint.disable(DisabledReason.FAILING, now=NOW)
    with pytest.raises(Conflict):
        endpoint.replay(REPLAY, from_position=1, to_position=9, types=("*",), now=NOW)


def test_one_that_is_removed_is_not_there_any_more(endpoint):
    endpoint.remove(now=NOW)
    endpoint.remove(now=NOW)
    assert facts(endpoint) == ["Removed"]
    for act in (
        lambda: endpoint.redirect("b", now=NOW),
        lambda: endpoint.describe(now=NOW),
        lambda: endpoint.filter(("*",), now=NOW),
        lambda: endpoint.enable(None, now=NOW),
        lambda: endpoint.disable(DisabledReason.BY_HAND, now=NOW),
        lambda: endpoint.rotate_secret(overlap=timedelta(0), now=NOW),
        lambda: endpoint.replay(REPLAY, from_position=1, to_position=1, types=("*",), now=NOW),
        lambda: endpoint.stop_replay(REPLAY, now=NOW),
    ):
        with pytest.raises(NotFound):
            act()

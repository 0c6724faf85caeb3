"""Objects at a payment provider that stand otherwise with us: taken in as a webhook about them would be."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import structlog

from application.billing_case import NotOurs, ParentUnknown
from application.provider_commands import PROVIDER
from application.provider_look import Ledger, Look
from application.work import Work
from domain.drift import Drift, Place, What, differences
from domain.errors import Unavailable
from domain.provider_answers import ListedObject, Page

if TYPE_CHECKING:
    from adapters.clock import Clock
    from application.billing import Billing
    from application.billing_rules import BillingRules
    from application.store import Store
    from domain.provider_facts import ProviderFact

log = structlog.get_logger()


class ObjectDrift:
    """What an object would change is found by the very rules that a webhook follows, without storing it."""

    def __init__(self, ledger: Ledger, billing: Billing, rules: BillingRules, store: Store, clock: Clock) -> None:
        self._ledger = ledger
        self._billing = billing
        self._rules = rules
        self._store = store
        self._clock = clock

    def look(self, look: Look, place: Place) -> None:
        """Kind by kind, page by page. The place is kept when a page is through: one that was left in the middle is
        looked at again."""
        if place.pass_kind not in self._ledger.kinds:
            place.pass_began_at, place.pass_kind, place.pass_after = look.started_at, self._ledger.kinds[0], None
        while place.pass_kind is not None:
            page = self._objects(look, place.pass_kind, place.pass_after)
            for thing in page.things:
                look.objects += 1
                self._compare(look, place.pass_kind, thing)
            look.say("objects", look.objects)
            place.pass_after = page.after
            if page.after is None:
                place.pass_kind = self._kind_after(place.pass_kind)
            if place.pass_kind is None:
                place.pass_ended_at = place.pass_began_at
            look.save(place)

    def _objects(self, look: Look, kind: str, after: str | None) -> Page[ListedObject]:
        look.spend_on_a_page()
        try:
            return self._ledger.objects(kind, after=after)
        except LookupError:  # what it was to come after was deleted
            return self._ledger.objects(kind, after=None)

    def _kind_after(self, kind: str) -> str | None:
        return dict(pairwise(self._ledger.kinds)).get(kind)

    def _compare(self, look: Look, kind: str, thing: ListedObject) -> None:
        """What the list says differently is asked for again, whole, before it counts."""
        if not self._changes(look, thing.facts):
            return
        look.spend()
        found = self._ledger.look_up(thing.reference)
        facts = thing.facts if found is None else tuple(found)
        changes = self._changes(look, facts)
        if not changes or self._is_on_its_way(look, thing.reference):
            return
        what = What.DIFFERS if all("." in name for name in changes) else What.MISSING
        drift = Drift(kind, _name(thing.reference), what, changes)
        look.drift.append(drift if look.dry_run else self._repaired(drift, facts))

    def _is_on_its_way(self, look: Look, reference: str) -> bool:
        if not look.grace:
            return False
        look.spend()
        return _name(reference) in self._ledger.on_their_way(self._clock.now() - look.grace)

    def _changes(self, look: Look, facts: Sequence[ProviderFact]) -> tuple[str, ...]:
        """What taking it in would change of what we mean to know. Nothing is stored."""
        asked = dict[str, bool]()
        while True:
            work = Work(self._store)
            try:
                for fact in facts:
                    with suppress(NotOurs):
                        self._rules.apply(work, PROVIDER, fact, self._clock.now(), asked)
                break
            except ParentUnknown as unknown:
                if unknown.reference in asked:
                    return (unknown.reference,)
                look.spend()
                parents = self._ledger.look_up(unknown.reference)
                asked[unknown.reference] = parents is not None
                facts = [*(parents or ()), *facts]
        before = self._store.look_at(work.touched)
        return tuple(sorted({name for after in work.pending for name in differences(before[after.id], after)}))

    def _repaired(self, drift: Drift, facts: Sequence[ProviderFact]) -> Drift:
        try:
            self._billing.take_in(PROVIDER, facts)
        except (ParentUnknown, NotOurs) as nothing:
            return replace(drift, problem=str(nothing))
        except Unavailable:
            raise
        except Exception as error:
            log.exception("reconciliation.not_taken_in", reference=drift.reference, error=type(error).__name__)
            return replace(drift, problem=type(error).__name__)
        return replace(drift, repaired=True)


def _name(reference: str) -> str:
    return reference.partition("/")[2]

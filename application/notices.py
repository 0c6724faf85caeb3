"""Mails, as facts demand them: who is told what. Words and layout are in adapters/emails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from application.reactions import MAIL, errands_of
from application.store import Store
from domain.errors import NotFound
from domain.ids import message_id
from domain.mail_resend import MailResend, Told
from domain.notice import Draft, Notice

if TYPE_CHECKING:
    from adapters.clock import Clock
    from application.catalog import Catalog

Writer = Callable[[Any], Draft | None]
"""What there is to say about a stored event; None when there is nothing to say any more, or nobody to say it to."""

LATE = timedelta(days=1)
"""What could not be said since nobody's address was known is said when one is, if it is not older than this."""


class Notices:
    """`writers` are by the kind of mail that a fact demands (application/reactions.py). What is written may be of
    another kind: the mail about a payment may say that a subscription was renewed by it."""

    def __init__(self, store: Store, catalog: Catalog, writers: Mapping[str, Writer], clock: Clock) -> None:
        self._store = store
        self._catalog = catalog
        self._writers = writers
        self._clock = clock

    def of(self, kind: str, event: Any) -> Notice | None:
        """The mail of `kind` about a stored event."""
        told = Told(event.originator_id, event.originator_version, kind)
        draft = self._draft(told, event)
        return _notice(_id_of(told, draft), told, draft) if draft else None

    def again(self, told: Told, resend_id: UUID) -> Notice | None:
        """What a mail said, as it is to be said today, under an id of its own."""
        draft = self._draft(told, self._event(told.stream_id, told.version))
        return _notice(message_id(resend_id, 1, told.kind), told, draft) if draft else None

    def resent(self, asked: MailResend.Asked) -> Notice | None:
        """The mail that somebody asked for once more."""
        return self.again(asked.told, asked.originator_id)

    def of_late(self, stream_id: UUID) -> Iterator[Notice]:
        """All that the latest events of a stream demand, as if they had just happened."""
        since = self._clock.now() - LATE
        for event in self._store.events.get(stream_id):
            if event.timestamp >= since:  # type: ignore[attr-defined]
                yield from self._all_of(event)

    def _all_of(self, event: Any) -> Iterator[Notice]:
        kinds = (task.removeprefix(MAIL) for task in errands_of(event) if task.startswith(MAIL))
        yield from filter(None, (self.of(kind, event) for kind in kinds))

    def _event(self, stream_id: UUID, version: int) -> Any:
        found = next(iter(self._store.events.get(stream_id, gt=version - 1, lte=version)), None)
        if found is None:
            raise NotFound.of("event", f"{stream_id}/{version}")
        return found

    def _draft(self, told: Told, event: Any) -> Draft | None:
        draft = self._writers[told.kind](event)
        is_off = draft and draft.product and draft.kind in self._catalog.product(draft.product).mails_off
        return None if is_off else draft


def _id_of(told: Told, draft: Draft) -> UUID:
    if draft.fact is None:
        return message_id(told.stream_id, told.version, told.kind)
    return message_id(told.stream_id, 0, f"{draft.kind}/{draft.fact}")


def _notice(id: UUID, told: Told, draft: Draft) -> Notice:
    return Notice(id, draft.kind, told, draft.to, draft.context, draft.files, draft.thread)

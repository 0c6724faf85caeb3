"""The part of the composition root that is about what is kept of people: retention, deletion, export."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from adapters.data_export import DataExport
from adapters.data_sweep import DataSweep, Whose
from adapters.infrastructure import Infrastructure
from application.exports import Exports
from application.retention import Retention

if TYPE_CHECKING:
    from application.store import Store


class DataServices(Infrastructure):
    """What is kept of people and organizations, for how long, and how it is given out and erased."""

    if TYPE_CHECKING:
        store: Store

    @cached_property
    def data_sweep(self) -> DataSweep:
        return DataSweep(self.unwalled)

    @cached_property
    def retention(self) -> Retention:
        return Retention(self.data_sweep, self.settings.retention_periods, self.clock)

    @cached_property
    def exports(self) -> Exports:
        data = DataExport(self.unwalled, self.codec, self.secrets)
        return Exports(data, self.whose, self.tokens, self.clock, public_url=self.settings.public_url)

    def whose(self, kind: str, subject_id: UUID) -> Whose:
        """By what the data of a `person` or an `organization` is found in every table."""
        if kind == "organization":
            return Whose(organization=subject_id, customers=tuple(self.data_sweep.customers_of(subject_id)))
        person = self.personal_data.person(subject_id)
        known = (person.email.lower(), person.full_name.lower()) if person else (None, None)
        return Whose(subject_id, *known)

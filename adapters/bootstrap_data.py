"""The part of the composition root that is about what is kept of people: retention, deletion, export."""

from __future__ import annotations

from functools import cached_property

from adapters.data_sweep import DataSweep
from adapters.infrastructure import Infrastructure
from application.retention import Retention


class DataServices(Infrastructure):
    """What is kept of people and organizations, for how long, and how it is given out and erased."""

    @cached_property
    def data_sweep(self) -> DataSweep:
        return DataSweep(self.unwalled)

    @cached_property
    def retention(self) -> Retention:
        return Retention(self.data_sweep, self.settings.retention_periods, self.clock)

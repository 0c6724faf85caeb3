"""Machines of node-locked licences: bound with the licence key, let go of with it or by the licence's owner."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from application.work import Work, Works
from domain.lease import fingerprint_digest
from domain.license import License

if TYPE_CHECKING:
    from adapters.machine_names import MachineNames
    from application.licenses import Licenses


class Activated(NamedTuple):
    """`new` is False when the machine was bound already."""

    license: License
    digest: str
    new: bool


class LicenseMachines:
    """A fingerprint is turned into its digest here; nothing else of it is kept."""

    def __init__(self, licenses: Licenses, names: MachineNames, works: Works) -> None:
        self._licenses = licenses
        self._names = names
        self._works = works

    def activate(self, license_key: str, fingerprint: str, *, name: str | None = None) -> Activated:
        """Binds the machine; twice is once, with the later name. Raises what `License.activate_machine` raises, and
        `LicenseKeyInvalid`."""
        license_id, digest = self._licenses.by_key(license_key).id, fingerprint_digest(fingerprint)

        def decide(work: Work, now: datetime) -> Activated:
            license = work.fetch(License, license_id)
            new = digest not in license.machines.bound
            license.activate_machine(digest, now=now)
            if name is not None:
                work.rows.append(self._names.put(license_id, digest, license.organization_id, name))
            return Activated(license, digest, new)

        return self._works.run(decide)

    def deactivate(self, license_key: str, fingerprint: str) -> License:
        """Lets go of the machine, if it is bound. `LicenseKeyInvalid`."""
        return self.release(self._licenses.by_key(license_key).id, fingerprint_digest(fingerprint))

    def release(self, license_id: UUID, digest: str) -> License:
        """Lets go of a machine by the digest of its fingerprint, if it is bound. `NotFound` for an unknown licence."""

        def decide(work: Work, now: datetime) -> License:
            license = work.fetch(License, license_id)
            license.deactivate_machine(digest, now=now)
            work.rows.append(self._names.forget(license_id, digest))
            return license

        return self._works.run(decide)

    def names(self, license_id: UUID) -> dict[str, str]:
        """Digest → what people call the machine, of those that have a name."""
        return self._names.of(license_id)

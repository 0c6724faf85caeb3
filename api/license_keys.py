"""Licence keys as credentials: `Authorization: License CODI-…`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import APIKeyHeader

from api.access import of_member, ruled
from api.auth import admit, holder_of
from domain.api_key import Scope
from domain.errors import LicenseKeyInvalid, NotFound
from domain.license import License

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from api.auth import Caller

_documented = APIKeyHeader(
    name="Authorization", auto_error=False, scheme_name="license_key", description="`License …`, the licence key."
)


_READERS = replace(of_member(Scope.LICENSES_READ), holder="licence key")


def visible_license(services: Services, caller: Caller, license_id: UUID) -> License:
    """The licence from the log; `NotFound` when there is none, or it is another organization's."""
    license = services.licenses.fetch(license_id)
    caller.must_see(license.organization_id, "license", license_id)
    return license


@ruled(holder_of("licence key"))
async def license_of_key(request: Request, _: Any = Depends(_documented)) -> License:
    """Dependency: the licence whose key is presented, however it stands. `LicenseKeyInvalid`."""
    services: Services = request.app.state.services
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "license":
        raise LicenseKeyInvalid("Send the licence key as `Authorization: License …`.")
    license = await run_in_threadpool(services.licenses.by_key, key.strip())
    request.scope["attribution"].actor = f"license:{license.id}"
    return license


@ruled(_READERS)
async def license_for_reader(license_id: UUID, request: Request, _: Any = Depends(_documented)) -> License:
    """Dependency: the licence of the path, for its own key and for callers who may read licences."""
    if request.headers.get("authorization", "").lower().startswith("license "):
        license = await license_of_key(request)
        if license.id != license_id:
            raise NotFound.of("license", license_id)
        return license
    caller = await admit(request, _READERS)
    services: Services = request.app.state.services
    return await run_in_threadpool(visible_license, services, caller, license_id)

"""How an API key is refused; the whole tree of refusals is drawn in errors.py."""

from __future__ import annotations

from domain.errors import NotAllowed


class AddressNotAllowed(NotAllowed):
    code = "address_not_allowed"
    sentence = "This API key may not be used from this address."

"""Who writes, from what the catalogue says of the vendor."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from adapters.emails.render import Letterhead
from domain.vendor import Identity

LOGO = "logo@usher"
_SHOWN = {"png", "jpeg"}
"""Kinds of images that mail programs show; drawings (SVG) are not among them."""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that comes with a mail and is shown in it."""

    subtype: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stationery:
    """What a mail is written on."""

    letterhead: Letterhead
    logo: Image | None = None


def stationery_of(vendor: Identity | None, name: str) -> Stationery:
    """The vendor's; while nobody has said who sells, only `name`."""
    if vendor is None:
        return Stationery(Letterhead(name))
    logo = _image(vendor.logo)
    letterhead = Letterhead(
        name=vendor.name,
        lines=(*vendor.address, *vendor.tax_ids),
        email=vendor.email,
        website=vendor.website,
        logo=LOGO if logo else None,
    )
    return Stationery(letterhead, logo)


def _image(data_uri: str | None) -> Image | None:
    """`data:image/png;base64,…` (domain/vendor.py holds logos to this form)."""
    kind, _, data = (data_uri or "").partition(";base64,")
    subtype = kind.removeprefix("data:image/")
    return Image(subtype, base64.b64decode(data)) if subtype in _SHOWN else None

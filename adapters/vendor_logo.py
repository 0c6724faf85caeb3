"""The vendor's logo in a catalogue file: a data URI, or the name of an image beside the file."""

from __future__ import annotations

from base64 import b64decode, b64encode
from pathlib import Path

from adapters.yaml_tree import Node
from adapters.yaml_values import Reading, Wrong, shown

_TYPES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".svg": "svg+xml"}
_MARKS = {"image/png": (b"\x89PNG",), "image/jpeg": (b"\xff\xd8\xff",), "image/svg+xml": (b"<svg",)}
"""By which an image is known for what it is."""
_LARGEST = 1_000_000


def logo(folder: Path | None, reading: Reading, node: Node) -> str:
    """The image as a data URI. Over HTTP there is no folder, and a name means nothing."""
    if not isinstance(node.value, str):
        raise Wrong(f"{shown(node)} is not text")
    if node.value.startswith("data:"):
        return _image(node.value)
    if folder is None:
        raise Wrong("a file name means nothing here; send the image itself as data:image/png;base64,…")
    return _read(folder / node.value)


def _read(path: Path) -> str:
    if path.suffix.lower() not in _TYPES:
        raise Wrong(f"{path.name} is none of {', '.join(_TYPES)}")
    try:
        with path.open("rb") as file:
            image = file.read(_LARGEST)
    except OSError as error:
        raise Wrong(f"{path}: {error.strerror}") from error
    return _image(f"data:image/{_TYPES[path.suffix.lower()]};base64,{b64encode(image).decode()}")


def _image(uri: str) -> str:
    """The data URI, if it holds what it says; what else it may be is the domain's to say (`Identity.problems`)."""
    head, _, body = uri.partition(",")
    try:
        image = b64decode(body, validate=True)
    except ValueError as error:
        raise Wrong("is not base64") from error
    marks = next((marks for type, marks in _MARKS.items() if type in head), ())
    if marks and not any(mark in image[:4_096] for mark in marks):
        raise Wrong(f"is no {head.removeprefix('data:image/').partition(';')[0]} image")
    return uri

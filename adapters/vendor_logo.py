"""The vendor's logo in a catalogue file: a data URI, or the name of an image beside the file."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from adapters.yaml_tree import Node
from adapters.yaml_values import Reading, Wrong, shown

_TYPES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".svg": "svg+xml"}
_LARGEST = 1_000_000


def logo(folder: Path | None, reading: Reading, node: Node) -> str:
    """The image as a data URI. Over HTTP there is no folder, and a name means nothing."""
    if not isinstance(node.value, str):
        raise Wrong(f"{shown(node)} is not text")
    if node.value.startswith("data:"):
        return node.value
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
    return f"data:image/{_TYPES[path.suffix.lower()]};base64,{b64encode(image).decode()}"

"""A finding of `usher doctor`."""

from __future__ import annotations


class Wrong(Exception):
    """What a check found, and what to do."""

    def __init__(self, what: str, fix: str) -> None:
        self.what = what
        self.fix = fix
        super().__init__(what)

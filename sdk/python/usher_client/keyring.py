"""The keys this program believes: given by the host program, or published by Usher and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from usher_client import calls
from usher_client.clock import Clock
from usher_client.errors import Unavailable
from usher_client.flow import Flow
from usher_client.keys import KeySet, UnknownKey
from usher_client.state_dir import StateDir

T = TypeVar("T")

FRESH_FOR = 86_400.0
"""Seconds after which kept keys are fetched again: one that was stolen leaves the published set at once."""
_SHORTEST_GAP = 60.0  # seconds between two fetches, however many unknown keys are met


class KeyRing:
    """`given`: the host program ships the keys with it. Then no others are believed, fetched or kept: only this proves
    anything against the owner of the machine, who can write to the directory where fetched keys are kept."""

    def __init__(self, clock: Clock, state: StateDir, name: str, given: Mapping[str, Any] | None = None) -> None:
        self._clock, self._state, self._name = clock, state, name
        self._given = given is not None
        self._keys = KeySet(given) if given is not None else None
        self._fetched_at: float | None = None  # wall clock; of a former run too
        self._looked_at: float | None = None  # steady clock

    def now(self, check: Callable[[KeySet], T]) -> T:
        """What `check` says with the keys that are here, without a network; `UnknownKey` when they do not do."""
        keys = self._here()
        if keys is None:
            raise UnknownKey("no keys were fetched yet")
        return check(keys)

    def holding(self, check: Callable[[KeySet], T]) -> Flow[T]:
        """What `check` says, if need be with keys that are fetched for it: when there are none, when they are a day
        old, and once when it meets a key that we do not know.

        Raises what `check` raises, and `Unavailable` when keys that are needed could not be fetched.
        """
        if not self._given and self._is_old():
            try:
                yield from self._fetch()
            except Unavailable:
                if self._here() is None:
                    raise
        try:
            return self.now(check)
        except UnknownKey:
            if self._given or self._has_just_looked():
                raise
        yield from self._fetch()
        return self.now(check)

    def _here(self) -> KeySet | None:
        if self._keys is None and (kept := self._state.read(self._name)) is not None:
            try:
                self._keys = KeySet(kept)
                self._fetched_at = float(kept["fetched_at"])
            except (ValueError, KeyError, TypeError):
                self._keys = None
        return self._keys

    def _is_old(self) -> bool:
        if self._here() is None or self._fetched_at is None:
            return True
        return not 0 <= self._clock.wall() - self._fetched_at < FRESH_FOR

    def _has_just_looked(self) -> bool:
        return self._looked_at is not None and self._clock.steady() - self._looked_at < _SHORTEST_GAP

    def _fetch(self) -> Flow[None]:
        answer = yield calls.KEYS
        said = calls.read(answer, 200)
        try:
            keys = KeySet(said)
        except ValueError:
            raise calls.not_ushers() from None
        self._looked_at, self._fetched_at, self._keys = self._clock.steady(), self._clock.wall(), keys
        self._state.write(self._name, {**keys.document, "fetched_at": self._fetched_at})

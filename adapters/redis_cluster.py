"""The line to a Redis or Valkey cluster: each command to the node that has its key, by one connection to each master.

Nodes say where things went (MOVED, ASK; https://valkey.io/topics/cluster-spec/); when one cannot be reached any other
that is known is asked who took over.
"""

from __future__ import annotations

import asyncio
import random
from itertools import chain
from typing import Any

import hiredis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from adapters.redis_address import Address, ClusterUrl, is_cluster
from adapters.redis_line import TIMEOUT, Argument, NotReached, RedisLine, collect_failure, end, in_time, shared
from domain.errors import Unavailable

_PAUSES = (0.005, 0.005, 0.01, 0.02, 0.04, 0.08, 0.12, 0.12)
"""Seconds between attempts while a slot moves or a replica is promoted; then the caller is told to try again later."""
_FRESH = 0.05
"""Seconds for which an answer to who has what is not asked for again."""
_ASKED_AT_ONCE = 3
_PASSING = ("TRYAGAIN", "CLUSTERDOWN", "LOADING", "READONLY", "MASTERDOWN")
_HALF_MOVED = "ttempted to access a non local key"
"""A script met the end of a slot's old keys, and stopped in the middle: all of ours may be run again."""
_SCRIPTS = frozenset({"EVALSHA", "EVAL"})


class ClusterLine(RedisLine):
    """As a `RedisLine`, for `redis+cluster://` and `rediss+cluster://`.

    All keys of a command have one hash tag; a command's key is its first argument, and one without goes to any master.
    What was surely not done is tried again for some moments. What may have been done when a connection broke raises
    `Unavailable`, as on a single line.
    """

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        self._url = ClusterUrl(url)
        self._timeout = timeout
        self._nodes: dict[Address, _Node] = {}
        self._known: set[Address] = set(self._url.seeds)
        self._slots: list[Address | None] = []
        self._owners: dict[str, _Node] = {}  # by hash tag, of those asked for since the slots were told
        self._mapping: asyncio.Task[None] | None = None
        self._mapped_at = -_FRESH

    async def call(self, *command: Argument) -> Any:
        tag, told, failure = _tag_of(command), None, None
        for pause in _PAUSES:
            node = told or self._owners.get(tag)
            if node is None or node.is_lost:
                node = await self._owner(tag)
            try:
                return await (node.asking(command) if told else node.call(*command))
            except (hiredis.ReplyError, Unavailable) as error:
                failure = error
            told = await self._told(failure, tag, node, pause)
        raise Unavailable(retry_after=1) from failure

    async def close(self) -> None:
        if self._mapping is not None:
            await end(self._mapping)
        for node in self._nodes.values():
            await node.close()

    # --- what a failure tells ---

    async def _told(self, failure: Exception, tag: str, node: _Node, pause: float) -> _Node | None:
        """Who is to be asked this once, None for the slot's owner. Raises a failure that does not pass."""
        kind, _, rest = str(failure).partition(" ")
        if isinstance(failure, hiredis.ReplyError) and kind in ("MOVED", "ASK"):
            slot, _, where = rest.partition(" ")
            other = self._node(_address(where, node.address))
            if kind == "ASK":
                return other
            self._move(int(slot), tag, other)
        elif isinstance(failure, NotReached):
            await self._map()
            if self._slots[key_slot(tag.encode())] == node.address:
                raise failure
        elif _passes(failure):
            await asyncio.sleep(pause)
            await self._map()
        else:
            raise failure
        return None

    def _move(self, slot: int, tag: str, owner: _Node) -> None:
        self._slots[slot], self._owners[tag] = owner.address, owner
        self._start_mapping()  # where one slot went others may have gone: nobody waits for this

    # --- who has what ---

    async def _owner(self, tag: str) -> _Node:
        slot = key_slot(tag.encode())
        address = self._slots[slot] if self._slots else None
        if address is None or self._node(address).is_lost:
            await self._map()
            address = self._slots[slot]
        if address is None:
            raise NotReached(retry_after=1)
        owner = self._owners[tag] = self._node(address)
        return owner

    def _node(self, address: Address) -> _Node:
        if address not in self._nodes:
            self._nodes[address] = _Node(self._url.of(address), address, self._timeout)
        return self._nodes[address]

    async def _map(self) -> None:
        """Learns who has what, unless it was learnt a moment ago; callers at the same moment share the answer."""
        if mapping := self._start_mapping():
            await shared(mapping)

    def _start_mapping(self) -> asyncio.Task[None] | None:
        is_under_way = self._mapping is not None and not self._mapping.done()
        if not is_under_way and asyncio.get_running_loop().time() - self._mapped_at < _FRESH:
            return None
        if not is_under_way:
            self._mapping = asyncio.create_task(self._ask_who_has_what(), name="redis-cluster-map")
            self._mapping.add_done_callback(collect_failure)
        return self._mapping

    async def _ask_who_has_what(self) -> None:
        """The first to answer is believed: who is not up to date will say MOVED."""
        addresses = list(self._known.union(self._url.seeds))
        random.shuffle(addresses)
        addresses.sort(key=lambda each: each not in self._nodes or self._nodes[each].is_lost)
        try:
            told, by = await in_time(self._first_answer(addresses), self._timeout)
        except TimeoutError as error:
            raise NotReached(retry_after=1) from error
        await self._believe(told, by)
        self._mapped_at = asyncio.get_running_loop().time()

    async def _first_answer(self, addresses: list[Address]) -> tuple[list[Any], Address]:
        failure: Exception | None = None
        for start in range(0, len(addresses), _ASKED_AT_ONCE):
            asked = [asyncio.create_task(self._slots_by(each)) for each in addresses[start : start + _ASKED_AT_ONCE]]
            try:
                for answer in asyncio.as_completed(asked):
                    try:
                        return await answer
                    except (hiredis.ReplyError, Unavailable) as error:
                        failure = error
            finally:
                for each in asked:
                    each.cancel()
                await asyncio.gather(*asked, return_exceptions=True)
        raise NotReached(retry_after=1) from failure

    async def _slots_by(self, address: Address) -> tuple[list[Any], Address]:
        told = await self._node(address).call("CLUSTER", "SLOTS")
        if not told:  # it was put out of the cluster, or is not in it yet
            raise NotReached(retry_after=1)
        return told, address

    async def _believe(self, told: list[Any], by: Address) -> None:
        slots: list[Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        found = [(first, last, [_listed(each, by) for each in nodes]) for first, last, *nodes in told]
        for first, last, (master, *_) in found:
            slots[first : last + 1] = [master] * (last + 1 - first)
        self._slots, self._owners = slots, {}
        self._known = set(chain.from_iterable(nodes for _, _, nodes in found))
        for gone in self._nodes.keys() - self._known:
            await self._nodes.pop(gone).close()


class _Node(RedisLine):
    """The line to one node."""

    def __init__(self, url: str, address: Address, timeout: float) -> None:
        super().__init__(url, timeout=timeout)
        self.address = address

    async def asking(self, command: tuple[Argument, ...]) -> Any:
        """As `call`, for a slot that is on its way here. Both leave in one write: the permit is for one command."""
        wire = await self._opened() if self._wire is None or self.is_lost else self._wire
        _, answer = await asyncio.gather(wire.send(("ASKING",)), wire.send(command))
        return answer


def _tag_of(command: tuple[Argument, ...]) -> str:
    """The part of the command's key that says its slot."""
    place = 3 if command[0] in _SCRIPTS else 1
    key = str(command[place]) if len(command) > place else ""
    start = key.find("{") + 1
    end = key.find("}", start) if start else 0
    return key[start:end] if end > start else key


def _passes(failure: Exception) -> bool:
    """Whether nothing was done and it may go well in a moment."""
    said = failure if isinstance(failure, hiredis.ReplyError) else failure.__cause__
    return isinstance(said, hiredis.ReplyError) and (str(said).startswith(_PASSING) or _HALF_MOVED in str(said))


def _address(said: str, by: Address) -> Address:
    """Of a MOVED or ASK; a node that does not know its own name leaves it out."""
    host, port = Address.parse(said)
    return Address(by.host if host in ("", "?") else host, port)


def _listed(node: list[Any], by: Address) -> Address:
    host = node[0].decode() if node[0] else ""
    return Address(by.host if host in ("", "?") else host, node[1])


def line_to(url: str, *, timeout: float = TIMEOUT) -> RedisLine:
    """The line to one server or to a cluster, whichever the URL names."""
    return (ClusterLine if is_cluster(url) else RedisLine)(url, timeout=timeout)

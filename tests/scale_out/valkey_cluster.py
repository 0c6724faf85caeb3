"""A real Valkey cluster on this machine: masters with a replica each, slots that move, a node that is killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis

from adapters.embedded_valkey import _program
from adapters.server_process import ServerProcess, open_the_way, own_folder
from tests.conftest import HOMES

SLOTS = 16384
OPTIONS = {
    "bind": "127.0.0.1",
    "save": "",
    "appendonly": "no",
    "repl-diskless-sync-delay": "0",
    "cluster-enabled": "yes",
    "cluster-config-file": "nodes.conf",
    "cluster-node-timeout": "700",
    "cluster-require-full-coverage": "no",
    "cluster-replica-validity-factor": "0",
    "loglevel": "notice",
}


class Node:
    """One server of the cluster, on two free ports of the loopback."""

    def __init__(self, home: Path) -> None:
        self.port, self.bus = _two_free_ports()
        self.client = redis.Redis("127.0.0.1", self.port, socket_timeout=5)
        self.is_killed = False
        self._process = ServerProcess("valkey-server", home, home.parent / f"{home.name}.log", signal.SIGKILL)

    def start(self) -> None:
        """Empty, whatever a former run left in its folder."""
        self._process.stop_leftovers()
        shutil.rmtree(self._process.home, ignore_errors=True)
        open_the_way(own_folder(self._process.home))
        program = _program()
        open_the_way(program)
        options = {**OPTIONS, "port": str(self.port), "cluster-port": str(self.bus), "dir": str(self._process.home)}
        command = [program, *(part for name, value in options.items() for part in (f"--{name}", value))]
        self._process.start(command, self._answers, seconds=20)

    def kill(self) -> None:
        """As a power cut does."""
        self.is_killed = True
        if self._process.pid is not None:
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.stop()

    def close(self) -> None:
        self.client.close()
        self.kill()

    def pause(self) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def ask(self, *command: str | int) -> Any:
        return self.client.execute_command(*command)

    @property
    def id(self) -> str:
        return self.ask("CLUSTER", "MYID").decode()

    @property
    def is_master(self) -> bool:
        return self.ask("ROLE")[0] == b"master"

    def knows(self) -> dict[str, str]:
        """What it says of the cluster, e.g. `cluster_state`."""
        return dict(self.ask("CLUSTER INFO"))

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False


class ValkeyCluster:
    """`masters[n]` is replicated by `replicas[n]` until they change places; `pair` knows who is who."""

    def __init__(self, masters: list[Node], replicas: list[Node]) -> None:
        self.masters, self.replicas = masters, replicas

    @property
    def nodes(self) -> list[Node]:
        """Those that live."""
        return [node for node in (*self.masters, *self.replicas) if not node.is_killed]

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in (*self.masters, *self.replicas))

    def form(self) -> None:
        """Gives out the slots, introduces the nodes to each other and waits until all agree."""
        share = SLOTS // len(self.masters) + 1
        for number, node in enumerate(self.masters):
            node.ask("CLUSTER", "ADDSLOTSRANGE", number * share, min(SLOTS, (number + 1) * share) - 1)
        for number, node in enumerate(self.nodes):
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            for other in self.nodes[:number]:
                node.ask("CLUSTER", "MEET", "127.0.0.1", other.port, other.bus)
        known = str(len(self.nodes))
        until(lambda: all(node.knows()["cluster_known_nodes"] == known for node in self.nodes))
        for master, replica in zip(self.masters, self.replicas, strict=False):
            until(lambda replica=replica, master=master: _took(replica, "CLUSTER", "REPLICATE", master.id))
        self.wait_until_whole()

    def wait_until_whole(self) -> None:
        """Every slot is served, and every replica that lives has what its master has."""
        until(lambda: all(node.knows()["cluster_state"] == "ok" for node in self.nodes))
        until(lambda: all(replica.is_master or replica.ask("ROLE")[3] == b"connected" for replica in self.replicas))

    def pair(self, number: int) -> tuple[Node, Node]:
        """The master of that number and its replica, as they are now."""
        one, other = self.masters[number], self.replicas[number]
        until(lambda: one.is_master != other.is_master)
        return (one, other) if one.is_master else (other, one)

    def owner(self, slot: int) -> Node:
        """The master of a slot, as a node that has it says."""
        return next(node for node in self.nodes if node.is_master and _holds(node, slot))

    def move(self, slot: int, to: Node) -> None:
        """As it is done in every version: key by key, while clients go on."""
        with self.moving(slot, to):
            pass

    @contextmanager
    def moving(self, slot: int, to: Node) -> Iterator[Callable[[], int]]:
        """A slot on its way; the function moves some of its keys and answers how many. The rest follow at the end."""
        origin = self.owner(slot)
        to.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", origin.id)
        origin.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", to.id)

        def move_keys(most: int = 10) -> int:
            keys = origin.client.execute_command("CLUSTER GETKEYSINSLOT", slot, most)
            if keys:
                origin.client.migrate("127.0.0.1", to.port, keys, 0, 5000)
            return len(keys)

        try:
            yield move_keys
        finally:
            while move_keys():
                pass
            for node in (to, origin, *(each for each in self.nodes if each.is_master)):
                node.ask("CLUSTER", "SETSLOT", slot, "NODE", to.id)

    def move_at_once(self, slot: int, to: Node) -> None:
        """As Valkey 9 can: clients see it move in one moment."""
        origin = self.owner(slot)
        origin.ask("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", to.id)
        until(lambda: all(_holds(to, slot, by=node) for node in self.masters))

    def empty(self) -> None:
        for node in self.nodes:
            if node.is_master:
                node.client.flushall()

    def close(self) -> None:
        for node in (*self.masters, *self.replicas):
            node.close()


@contextmanager
def valkey_cluster(masters: int = 3, replicas: int = 3) -> Iterator[ValkeyCluster]:
    """A cluster of its own; homes are kept, so that the next run ends what a killed one left behind."""
    with ExitStack() as stack:
        home = stack.enter_context(_own_home())
        nodes = [Node(home / str(number)) for number in range(masters + replicas)]
        cluster = ValkeyCluster(nodes[:masters], nodes[masters:])
        stack.callback(cluster.close)
        for node in nodes:
            node.start()
        cluster.form()
        yield cluster


def until(holds: Callable[[], object], seconds: float = 20) -> None:
    """Waits for a thing that the cluster does by itself."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


@contextmanager
def _own_home() -> Iterator[Path]:
    """The first home that no other run uses now."""
    for number in range(100):
        home = HOMES / f"cluster-{number}"
        home.mkdir(parents=True, exist_ok=True)
        with (home / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield home.resolve()
            return
    raise AssertionError(f"a hundred clusters at once in {HOMES}")


def _holds(node: Node, slot: int, by: Node | None = None) -> bool:
    """Whether the slot is the node's, as `by` says or it says itself."""
    told = (by or node).ask("CLUSTER SLOTS")
    return any(first <= slot <= last and master[2].decode() == node.id for first, last, master, *_ in told)


def _took(node: Node, *command: str) -> bool:
    """Whether the node took an order that it refuses until it knows enough of the others."""
    try:
        return bool(node.ask(*command))
    except redis.ResponseError:
        return False


def _two_free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]

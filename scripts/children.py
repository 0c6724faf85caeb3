"""Child processes that are kept running: forked from a parent that has everything imported, started again when they
die, ended in good order, and never left behind."""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil
import structlog

log = structlog.get_logger()

STOP_WITHIN = 6.5
"""Seconds for all children to end what they are at; then they are killed."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0
_STABLE = 20.0
"""Seconds after which a child counts as well: when it dies now, it is started again at once."""
_SIGNALS = {signal.SIGTERM, signal.SIGINT}
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15

_fork = multiprocessing.get_context("fork")


@dataclass
class Child:
    """`main` runs in the child process."""

    kind: str
    main: Callable[[], None]
    process: BaseProcess | None = field(default=None, init=False)
    started_at: float = field(default=0.0, init=False)
    pause: float = field(default=_FIRST_PAUSE, init=False)
    due_at: float = field(default=0.0, init=False)

    def start(self) -> None:
        """Signals wait until the child has its own handlers: in the parent's they would be lost."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            self.process = _fork.Process(target=_begin, args=(self.kind, self.main, os.getpid()), name=self.kind)
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        self.started_at = time.monotonic()

    def note_death(self) -> None:
        """When to start it again: soon, and later each time if it never lives long."""
        assert self.process is not None
        lived = time.monotonic() - self.started_at
        self.pause = _FIRST_PAUSE if lived > _STABLE else min(self.pause * 2, _LONGEST_PAUSE)
        self.due_at = time.monotonic() + self.pause
        log.warning("process.died", kind=self.kind, exit_code=self.process.exitcode, again_in=self.pause)
        self.process.close()
        self.process = None


class Children:
    """Known to the next engine through the file `register`, should this one be killed and a child outlive it."""

    def __init__(self, children: Sequence[Child], register: Path) -> None:
        self._children = children
        self._register = register

    def start(self) -> None:
        for child in self._children:
            child.start()
        self._write()

    def watch(self, seconds: float) -> None:
        """Waits so long, or until one dies; starts again what is due."""
        alive = [child.process.sentinel for child in self._children if child.process]
        wait(alive, timeout=seconds)
        for child in self._children:
            if child.process and child.process.exitcode is not None:
                child.note_death()
        due = [child for child in self._children if child.process is None and time.monotonic() >= child.due_at]
        for child in due:
            child.start()
        if due:
            self._write()

    def stop(self) -> None:
        """Asks all to end, waits, insists."""
        alive = [child.process for child in self._children if child.process]
        for process in alive:
            process.terminate()
        deadline = time.monotonic() + STOP_WITHIN
        for process in alive:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.exitcode is None:
                log.warning("process.killed", kind=process.name)
                process.kill()
                process.join()
        self._register.unlink(missing_ok=True)

    def _write(self) -> None:
        running = [(child.kind, child.process.pid) for child in self._children if child.process and child.process.pid]
        whole = self._register.with_suffix(".new")
        whole.write_text(json.dumps([{"kind": kind, "pid": pid, "started": _started(pid)} for kind, pid in running]))
        whole.replace(self._register)


def end_leftovers(register: Path) -> None:
    """Ends children of an engine that was killed. They follow it by themselves; this is for one that hangs."""
    try:
        known = json.loads(register.read_text())
    except (OSError, ValueError):
        return
    left = [psutil.Process(each["pid"]) for each in known if _started(each["pid"]) == each["started"]]
    for process in left:
        process.terminate()
    _, stubborn = psutil.wait_procs(left, timeout=STOP_WITHIN)
    for process in stubborn:
        process.kill()
    psutil.wait_procs(stubborn, timeout=5)
    register.unlink(missing_ok=True)


def _started(pid: int) -> float | None:
    """When it was started, which tells it from a stranger that got the same id later."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def _begin(kind: str, main: Callable[[], None], parent: int) -> None:
    """In the child: dies with its parent, has a name of its own, does not hear the terminal's Ctrl-C."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        libc.prctl(_PR_SET_NAME, f"usher-{kind}"[:15].encode())
    os.setpgid(0, 0)
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    if os.getppid() == parent:  # else it died before we could ask to be told
        main()

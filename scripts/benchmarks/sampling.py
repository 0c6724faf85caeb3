"""A sampling profiler for a server's event loop: where its processor time goes, without slowing it down.

The timer counts this process's processor time, so waiting is never seen. A handler runs between two byte codes of the
main thread: time inside C code is given to the Python line that called it.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

EVERY = 0.001
"""Seconds of processor time between two samples; systems round it up, to 4 ms mostly."""
_A_REPORT = 1_000
_ROOT = str(Path(__file__).parents[2]) + "/"
_PACKAGES = "site-packages/"


def sample_into(report: Path) -> None:
    """Samples from now on and writes the report anew after every thousand samples; each of them begins afresh."""
    stacks: Counter[tuple[str, ...]] = Counter()

    def sample(_: int, frame: FrameType | None) -> None:
        stacks[tuple(_names(frame))] += 1
        if stacks.total() >= _A_REPORT:
            signal.setitimer(signal.ITIMER_PROF, 0)  # a sample taken meanwhile would fail whatever is being served
            report.write_text(_report(stacks))
            stacks.clear()
            signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)

    signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)


def _names(frame: FrameType | None) -> Iterator[str]:
    """Innermost first, each as `file:function:line`."""
    while frame is not None:
        code = frame.f_code
        path = code.co_filename.rpartition(_PACKAGES)[2].removeprefix(_ROOT)
        yield f"{path}:{code.co_qualname}:{frame.f_lineno}"
        frame = frame.f_back


def _report(stacks: Counter[tuple[str, ...]]) -> str:
    """Shares of all samples: by innermost line, and by function with what it calls."""
    total = stacks.total() or 1
    lines, functions = Counter[str](), Counter[str]()
    for stack, count in stacks.items():
        if stack:
            lines[stack[0]] += count
        for name in {name.rpartition(":")[0] for name in stack}:
            functions[name] += count
    return "\n".join(
        [f"{total} samples", "", *_shares("with callees", functions, total), *_shares("own", lines, total)]
    )


def _shares(title: str, counted: Counter[str], total: int) -> list[str]:
    return [f"--- {title}", *(f"{count / total:7.2%}  {name}" for name, count in counted.most_common(90)), ""]

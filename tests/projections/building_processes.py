"""A rebuild in a process of its own, which says that it is half way and then waits to be killed."""

from __future__ import annotations

import sys
import threading

from adapters.event_codec import EventCodec
from projections.rebuild import rebuild
from projections.seats import Seats


def half_way(position: int, until: int) -> None:
    print("half way", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    rebuild(sys.argv[1], EventCodec().to_domain_event, Seats(), half_way)

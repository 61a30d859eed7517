"""SIGINT and SIGTERM end a stream in order: what was made is sent and in the ledger."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Stop:
    """Whether a signal has come."""

    def __init__(self) -> None:
        self.wanted = False

    def set(self, *_: object) -> None:
        self.wanted = True


@contextmanager
def until_signal() -> Iterator[Stop]:
    stop = Stop()
    before = {number: signal.signal(number, stop.set) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

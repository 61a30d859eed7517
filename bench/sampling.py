"""Readings of the stack while something runs."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from runner.control import Control
from runner.processes import pss_bytes, tree

Sample = dict[str, float]


@contextmanager
def over_time(readings: Mapping[str, Callable[[], float]], every: float) -> Iterator[list[Sample]]:
    """A sample of all readings at once, beside its ``second`` since the block began, every so many seconds."""
    samples: list[Sample] = []
    done, began = threading.Event(), time.monotonic()

    def sample() -> None:
        while not done.is_set():
            second = round(time.monotonic() - began, 1)
            samples.append({"second": second, **{name: read() for name, read in readings.items()}})
            done.wait(every)

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield samples
    finally:
        done.set()
        sampler.join()


def memory_gb() -> float:
    """Of every process under the supervisor. PSS: shared pages count once."""
    return round(pss_bytes(tree([each.pid for each in Control().processes().values() if each.pid])) / 1e9, 3)

"""What is still to happen, by block of time: each event is moved once, however far ahead it lies."""

from collections import defaultdict

import numpy as np

from generators.columns import Columns, by_time, concat, length, run_starts, take


class Agenda:
    """``reach``: length of a block in milliseconds; block 0 begins at 0."""

    def __init__(self, reach: int) -> None:
        self._reach = reach
        self._blocks: defaultdict[int, list[Columns]] = defaultdict(list)
        self._empty: Columns = {}

    def add(self, events: Columns) -> None:
        """None of them may lie in a block that was taken."""
        self._empty = take(events, np.arange(0))
        if not length(events):
            return
        ordered = by_time(events)
        block = ordered["time"] // self._reach
        begins = np.flatnonzero(run_starts(block))
        for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(block)], strict=True):
            # Copies: a view would keep all of ``ordered`` until its last event has happened.
            self._blocks[int(block[begin])].append(take(ordered, np.arange(begin, end)))

    def pop(self, block: int) -> Columns:
        """The events of a block, in event-time order. ``add`` comes before the first ``pop``: it shows the columns."""
        return by_time(concat([self._empty, *self._blocks.pop(block, [])]))

"""Equal-length numpy arrays by name: the shape in which events stay until they are encoded."""

from collections.abc import Sequence

import numpy as np

Columns = dict[str, np.ndarray]


def length(columns: Columns) -> int:
    return len(next(iter(columns.values())))


def take(columns: Columns, rows: np.ndarray) -> Columns:
    """The given rows, by position or by mask, in that order."""
    return {name: values[rows] for name, values in columns.items()}


def concat(parts: Sequence[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def by_time(columns: Columns) -> Columns:
    """In event-time order; events of the same millisecond keep their order."""
    return take(columns, np.argsort(columns["time"], kind="stable"))


def run_starts(values: np.ndarray) -> np.ndarray:
    """Where a run of equal neighbours begins, as a mask."""
    starts = np.ones(len(values), dtype=bool)
    starts[1:] = values[1:] != values[:-1]
    return starts


def place_in_run(starts: np.ndarray) -> np.ndarray:
    """How many neighbours of the same run stand before each entry."""
    return np.arange(len(starts)) - np.flatnonzero(starts)[np.cumsum(starts) - 1]

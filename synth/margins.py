"""One column and the uniform scale: where each value stands among its like, and which value stands at a place.

A value's place is its rank over the number of rows; equal values share their part of the scale, drawn at random within it. So
numbers, labels and missing values are all uniform on (0, 1), and a copula of continuous variables fits them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

# A label or an extreme number that fewer customers share would point at them.
FEWEST = 5
OTHER = "other"


@dataclass(frozen=True)
class Numbers:
    """Numbers, times and dates. ``known``: sorted, the FEWEST lowest and highest levelled; ``missing``: share without a value."""

    name: str
    type: pa.DataType
    known: np.ndarray
    missing: float

    def value_at(self, place: np.ndarray) -> pa.Array:
        """Between neighbours where the values are continuous: no real one is repeated for its own sake."""
        there = place >= self.missing
        rank = np.clip((place - self.missing) / max(1 - self.missing, 1e-12), 0, 1)
        values = np.quantile(self.known, rank) if len(self.known) else np.zeros(len(place))
        return from_numbers(np.where(there, values, np.nan), self.type)


@dataclass(frozen=True)
class Labels:
    """``names`` from the most common on; ``ends``: where the part of each ends. The last stands for a missing value."""

    name: str
    type: pa.DataType
    names: tuple[object, ...]
    ends: np.ndarray

    def value_at(self, place: np.ndarray) -> pa.Array:
        code = np.minimum(np.searchsorted(self.ends, place, side="right"), len(self.names) - 1)
        return pa.array([self.names[each] for each in code.tolist()], self.type)


Margin = Numbers | Labels


def is_number(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_temporal))


def to_numbers(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """As floats, times in the column's own unit; missing and infinite values as NaN."""
    kind = column.type
    if pa.types.is_temporal(kind):
        column = column.cast(pa.int32() if pa.types.is_date32(kind) or pa.types.is_time32(kind) else pa.int64())
    values = np.array(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=float)
    return np.where(np.isfinite(values), values, np.nan)


def from_numbers(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    """Back to the column's type, rounded where that is whole; NaN becomes null."""
    missing = np.isnan(values)
    if pa.types.is_floating(kind):
        return pa.array(values, pa.float64(), mask=missing)
    if pa.types.is_decimal(kind):
        return pa.array(np.round(values, kind.scale), pa.float64(), mask=missing)
    whole = pa.array(np.round(np.where(missing, 0, values)).astype(np.int64), mask=missing)
    return whole.cast(pa.int32()).cast(kind) if kind.bit_width == 32 and pa.types.is_temporal(kind) else whole.cast(kind)


def margin(name: str, column: pa.ChunkedArray, rng: np.random.Generator) -> tuple[Margin, np.ndarray]:
    """A column's margin and the place of each of its rows."""
    return _numbers(name, column, rng) if is_number(column.type) else _labels(name, column, rng)


def _numbers(name: str, column: pa.ChunkedArray, rng: np.random.Generator) -> tuple[Numbers, np.ndarray]:
    values = to_numbers(column)
    missing = np.isnan(values)
    share = float(missing.mean())
    known = np.sort(values[~missing])
    if len(known) > 4 * FEWEST:
        known[:FEWEST], known[-FEWEST:] = known[FEWEST - 1], known[-FEWEST]
    # Missing values come first, equal ones in random order.
    order = np.lexsort((rng.random(len(values)), np.where(missing, -np.inf, values)))
    place = np.empty(len(values))
    place[order] = (np.arange(len(values)) + rng.random(len(values))) / len(values)
    return Numbers(name, column.type, known, share), place


def _labels(name: str, column: pa.ChunkedArray, rng: np.random.Generator) -> tuple[Labels, np.ndarray]:
    values = column.to_pylist()
    names, counts = common(values)
    codes = {label: code for code, label in enumerate(names)}
    rare = codes.get(OTHER, len(names) - 1)
    code = np.array([codes.get(value, rare) for value in values])
    ends = np.cumsum(np.bincount(code, minlength=len(names))) / max(len(values), 1)
    begins = np.concatenate([[0.0], ends[:-1]])
    return Labels(name, column.type, names, ends), begins[code] + rng.random(len(code)) * (ends - begins)[code]


def common(values: Sequence[object]) -> tuple[tuple[object, ...], dict[object, int]]:
    """Labels that at least FEWEST rows share, from the most common on, and how many rows have each; OTHER for the rest."""
    counts: dict[object, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    kept = {label: count for label, count in counts.items() if count >= FEWEST or label is None}
    rest = len(values) - sum(kept.values())
    if rest or not kept:
        label = OTHER if any(isinstance(each, str) for each in counts) else None
        kept[label] = kept.get(label, 0) + rest
    ordered = sorted(kept, key=lambda label: (label is None, -kept[label], str(label)))
    return tuple(ordered), kept

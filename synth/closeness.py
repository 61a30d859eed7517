"""How close synthetic customers are to the real ones, by column and by pair, and how near they come to any one of them."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from synth.margins import common, is_number, to_numbers

# Rows of each table whose nearest neighbours are looked for.
COMPARED = 2_000


@dataclass(frozen=True)
class Closeness:
    """``margins``: by column, 0 for equal distributions up to 1 for disjoint ones: Kolmogorov and Smirnov's distance of numbers,
    total variation of labels. ``correlations``: by pair, real and synthetic rank correlation. ``nearest``: distances to the
    nearest real record of synthetic customers, and of real ones to another (5th percentile and median), and the share of
    synthetic customers that equal a real one."""

    margins: dict[str, float]
    correlations: dict[tuple[str, str], tuple[float, float]]
    nearest: dict[str, float]

    @property
    def largest_margin(self) -> float:
        return max(self.margins.values())

    @property
    def largest_correlation_gap(self) -> float:
        return max((abs(real - synthetic) for real, synthetic in self.correlations.values()), default=0.0)


def compare(real: pa.Table, synthetic: pa.Table, seed: int = 1) -> Closeness:
    names = real.column_names
    scores = [_scores(real[name], synthetic[name]) for name in names]
    pairs = [(i, j) for i in range(len(names)) for j in range(i)]
    rng = np.random.default_rng(seed)
    return Closeness(
        margins={name: _distance(real[name], synthetic[name]) for name in names},
        correlations={
            (names[j], names[i]): tuple(_rank_correlation(scores[i][side], scores[j][side]) for side in (0, 1)) for i, j in pairs
        },
        nearest=_nearest(*(np.column_stack([pair[side] for pair in scores]) for side in (0, 1)), rng),
    )


def _distance(real: pa.ChunkedArray, synthetic: pa.ChunkedArray) -> float:
    if is_number(real.type):
        one, other = (np.nan_to_num(to_numbers(column), nan=-np.inf) for column in (real, synthetic))
        grid = np.unique(np.concatenate([one, other]))
        shares = (np.searchsorted(np.sort(each), grid, side="right") / len(each) for each in (one, other))
        return float(np.abs(next(shares) - next(shares)).max())
    names, _ = common(real.to_pylist())
    one, other = (np.array([column.to_pylist().count(name) / len(column) for name in names]) for column in (real, synthetic))
    return float((np.abs(one - other).sum() + abs(one.sum() - other.sum())) / 2)


def _scores(real: pa.ChunkedArray, synthetic: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Both columns on the scale of the real one's ranks, 0 to 1; labels by how common they are, a missing value below all."""
    if is_number(real.type):
        values = tuple(np.nan_to_num(to_numbers(column), nan=-np.inf) for column in (real, synthetic))
    else:
        names, _ = common(real.to_pylist())
        codes = {name: float(code) for code, name in enumerate(names)}
        values = tuple(np.array([codes.get(value, len(names)) for value in column.to_pylist()]) for column in (real, synthetic))
    known = np.sort(values[0])
    low, high = ([np.searchsorted(known, each, side=side) for each in values] for side in ("left", "right"))
    return tuple((one + other) / 2 / len(known) for one, other in zip(low, high, strict=True))


def _rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    ordered = np.sort(values)
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2


def _nearest(real: np.ndarray, synthetic: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Mean distance over the columns on the scale of ranks, 0 for equal records. As many synthetic customers as real ones look
    among the same real records, the real ones without themselves."""
    real = real[rng.permutation(len(real))[: 2 * COMPARED]]
    half = len(real) // 2
    among, looking = real[:half], real[half:]
    theirs, own = _to_nearest(synthetic[rng.permutation(len(synthetic))[: len(looking)]], among), _to_nearest(looking, among)
    result = {"synthetic_equal_to_real": float((theirs == 0).mean()), "real_equal_to_real": float((own == 0).mean())}
    for name, distances in (("synthetic_to_real", theirs), ("real_to_real", own)):
        low, middle = np.quantile(distances, [0.05, 0.5])
        result |= {f"{name}_5th_percentile": float(low), f"{name}_median": float(middle)}
    return result


def _to_nearest(rows: np.ndarray, among: np.ndarray) -> np.ndarray:
    return np.array([np.abs(among - row).mean(axis=1).min() for row in rows])

"""How far a clustering depends on chance: the adjusted Rand index against clusterings that were made anew. Pure."""

from dataclasses import dataclass

import numpy as np

from spark_ml.in_memory import k_means, nearest

# From this median adjusted Rand index on, over seeds and over bootstraps, a number of clusters is stable.
STABLE_FROM = 0.8
# Clusterings made anew: of the sample with other seeds, and of samples drawn from it with replacement.
SEEDS, BOOTSTRAPS = 5, 10


@dataclass(frozen=True)
class Stability:
    """Median adjusted Rand index over seeds, and over bootstraps: 1 where chance changes nothing, about 0 where it decides."""

    seeds: float
    bootstraps: float

    @property
    def worst(self) -> float:
        return min(self.seeds, self.bootstraps)


def stability(points: np.ndarray, centres: np.ndarray, seed: int) -> Stability:
    """Of the clustering of ``points`` (customers x features) by ``centres``, against ones made anew with as many centres."""
    random, k = np.random.default_rng(seed), len(centres)
    reference = nearest(points, centres)

    def agreement(others: np.ndarray) -> float:
        return adjusted_rand(reference, nearest(points, k_means(others, k, random)))

    seeds = [agreement(points) for _ in range(SEEDS)]
    bootstraps = [agreement(points[random.integers(0, len(points), len(points))]) for _ in range(BOOTSTRAPS)]
    return Stability(float(np.median(seeds)), float(np.median(bootstraps)))


def adjusted_rand(left: np.ndarray, right: np.ndarray) -> float:
    """Hubert and Arabie 1985: 1 for equal partitions, 0 on average for unrelated ones."""
    (_, rows), (_, columns) = np.unique(left, return_inverse=True), np.unique(right, return_inverse=True)
    table = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(table, (rows, columns), 1)
    both, in_rows, in_columns = (_pairs(counts) for counts in (table, table.sum(axis=1), table.sum(axis=0)))
    expected = in_rows * in_columns / max(_pairs(np.array([len(left)])), 1.0)
    most = (in_rows + in_columns) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)


def _pairs(counts: np.ndarray) -> float:
    return float((counts * (counts - 1) / 2).sum())

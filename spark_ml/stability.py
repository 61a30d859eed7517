"""How far a clustering depends on chance: the adjusted Rand index against clusterings that were made anew. Pure.

Made anew on a sample, in memory: on Spark each of these small fits would cost a second of scheduling. The same recipe as on
Spark: starts drawn by k-means++ (Arthur and Vassilvitskii 2007), Lloyd's iterations, the cheapest of some starts.
"""

from dataclasses import dataclass

import numpy as np

# From this median adjusted Rand index on, over seeds and over bootstraps, a number of clusters is stable.
STABLE_FROM = 0.8
# A silhouette so near the highest one, relative to it, is as good: the more segments, the more there is to act on.
NEAR = 0.1
# Customers who are clustered anew.
SAMPLE = 2000
# Clusterings made anew: of the sample with other seeds, and of samples drawn from it with replacement.
SEEDS, BOOTSTRAPS = 5, 10
# K-Means stops at the nearest local optimum; the cheapest of some starts is kept.
STARTS = 3
MAX_ITERATIONS = 40


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


def nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The number of the nearest centre, for each point."""
    return _scores(points, centres).argmin(axis=1)


def k_means(points: np.ndarray, k: int, random: np.random.Generator) -> np.ndarray:
    """Centres; the cheapest of STARTS."""
    return min((_lloyd(points, _plus_plus(points, k, random)) for _ in range(STARTS)), key=lambda centres: _cost(points, centres))


def _pairs(counts: np.ndarray) -> float:
    return float((counts * (counts - 1) / 2).sum())


def _scores(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Squared distance to each centre, less the point's own square: of one point they compare alike."""
    return (centres**2).sum(axis=1) - 2 * points @ centres.T


def _cost(points: np.ndarray, centres: np.ndarray) -> float:
    return float((points**2).sum() + _scores(points, centres).min(axis=1).sum())


def _plus_plus(points: np.ndarray, k: int, random: np.random.Generator) -> np.ndarray:
    """Each next centre is drawn with a chance in proportion to its squared distance from those before it."""
    centres = [points[random.integers(len(points))]]
    squares = np.full(len(points), np.inf)
    while len(centres) < k:
        squares = np.minimum(squares, ((points - centres[-1]) ** 2).sum(axis=1))
        chances = squares / squares.sum() if squares.any() else None
        centres.append(points[random.choice(len(points), p=chances)])
    return np.array(centres)


def _lloyd(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Until no point changes its centre; a centre without points stays where it is."""
    labels = nearest(points, centres)
    for _ in range(MAX_ITERATIONS):
        members = np.eye(len(centres))[labels]
        sizes = members.sum(axis=0)[:, None]
        centres = np.where(sizes > 0, members.T @ points / np.maximum(sizes, 1), centres)
        moved = nearest(points, centres)
        if (moved == labels).all():
            break
        labels = moved
    return centres

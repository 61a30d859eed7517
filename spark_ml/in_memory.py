"""K-Means and its silhouette over an array in memory. Pure.

The recipe of Spark's, for samples: on Spark each of many small fits would cost seconds of scheduling. Starts drawn by k-means++
(Arthur and Vassilvitskii 2007), Lloyd's iterations, the cheapest of some starts. ``points``: customers x features.
"""

import numpy as np

# K-Means stops at the nearest local optimum; the cheapest of some starts is kept.
STARTS = 3
MAX_ITERATIONS = 40


def nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The number of the nearest centre, for each point."""
    return _scores(points, centres).argmin(axis=1)


def cost(points: np.ndarray, centres: np.ndarray) -> float:
    """Sum of squared distances to the nearest centre."""
    return float((points**2).sum() + _scores(points, centres).min(axis=1).sum())


def k_means(points: np.ndarray, k: int, random: np.random.Generator) -> np.ndarray:
    """Centres; the cheapest of STARTS."""
    return min((_lloyd(points, _plus_plus(points, k, random)) for _ in range(STARTS)), key=lambda centres: cost(points, centres))


def silhouette(points: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Mean silhouette (Rousseeuw 1987) by squared Euclidean distance, in one pass as Spark's evaluator: the mean square to a
    cluster follows from its size, its sum and its sum of squares. A point alone in its cluster has 0. No label may be unused."""
    members = np.eye(k)[labels]
    sizes, sums, squares = members.sum(axis=0), members.T @ points, (points**2).sum(axis=1)
    means = squares[:, None] + (members.T @ squares - 2 * points @ sums.T) / sizes
    own = (means * members).sum(axis=1)
    # To the others of its cluster: the point itself is at distance 0 and does not count.
    within = own * sizes[labels] / np.maximum(sizes[labels] - 1, 1)
    between = np.where(members > 0, np.inf, means).min(axis=1)
    widest = np.maximum(within, between)
    scores = np.divide(between - within, widest, out=np.zeros(len(points)), where=(widest > 0) & (sizes[labels] > 1))
    return float(scores.mean())


def _scores(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Squared distance to each centre, less the point's own square: of one point they compare alike."""
    return (centres**2).sum(axis=1) - 2 * points @ centres.T


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

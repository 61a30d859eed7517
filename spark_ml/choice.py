"""How many clusters: of the stable numbers the finest near the best silhouette, on a sample in memory. Pure."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from lakehouse.errors import LakeError
from spark_ml.in_memory import cost, k_means, nearest, silhouette
from spark_ml.stability import STABLE_FROM, Stability, stability

# A silhouette so near the highest one, relative to it, is as good: the more segments, the more there is to act on.
NEAR = 0.1
# Customers on whom the number is chosen: of so many a mean silhouette has a standard error of less than 0.01.
SAMPLE = 4000
# NumPy works outside Python's lock.
AT_ONCE = 2


@dataclass(frozen=True)
class Candidate:
    """A clustering of the sample into ``k``: cost is the sum of squared distances to the centres."""

    k: int
    silhouette: float
    cost: float
    stability: Stability

    @property
    def stable(self) -> bool:
        return self.stability.worst >= STABLE_FROM


def check_bounds(k_min: int, k_max: int) -> None:
    """LakeError unless there is a number of clusters between them."""
    if not 2 <= k_min <= k_max:
        raise LakeError(f"k from {k_min} to {k_max}: expected 2 <= k-min <= k-max")


def k_range(customers: int, k_min: int, k_max: int) -> range:
    """Numbers of clusters to try: each must leave two different customers a cluster. LakeError where none can."""
    if customers < 2 * k_min:
        needed = f"at least {2 * k_min} are needed"
        raise LakeError(f"{customers} customers with different features are too few for {k_min} clusters: {needed}")
    return range(k_min, min(k_max, customers // 2) + 1)


def try_all(sample: np.ndarray, ks: range, seed: int) -> list[Candidate]:
    """A candidate for each k that leaves no cluster of the sample (customers x features) empty. LakeError where there is none."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        tried = list(pool.map(partial(_try, sample, seed=seed), ks))
    candidates = [candidate for candidate in tried if candidate is not None]
    if not candidates:
        raise LakeError(f"every clustering into {ks.start} to {ks.stop - 1} clusters left one of them empty")
    return candidates


def ranked(candidates: list[Candidate]) -> list[Candidate]:
    """The best first: the stable ones near the best silhouette, the finest before the others; then the more stable, then the
    one with fewer clusters."""
    stable = [candidate for candidate in candidates if candidate.stable]
    highest = max((candidate.silhouette for candidate in stable), default=0.0)
    near = [candidate for candidate in stable if candidate.silhouette >= highest - NEAR * abs(highest)]
    others = [candidate for candidate in candidates if candidate not in near]
    return [
        *sorted(near, key=lambda candidate: -candidate.k),
        *sorted(others, key=lambda candidate: (-candidate.stability.worst, candidate.k)),
    ]


def _try(sample: np.ndarray, k: int, seed: int) -> Candidate | None:
    centres = k_means(sample, k, np.random.default_rng(seed))
    labels = nearest(sample, centres)
    if len(np.unique(labels)) < k:
        return None
    return Candidate(k, silhouette(sample, labels, k), cost(sample, centres), stability(sample, centres, seed))

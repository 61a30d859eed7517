"""K-Means over scaled features for each number of clusters; of the stable ones the finest near the best silhouette wins."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from pyspark import inheritable_thread_target
from pyspark.ml.clustering import KMeans, KMeansModel
from pyspark.ml.evaluation import ClusteringEvaluator
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contracts.ml import CUSTOMER_KEY
from lakehouse.errors import LakeError
from spark_ml.features import SCALED
from spark_ml.stability import MAX_ITERATIONS, NEAR, SAMPLE, STABLE_FROM, STARTS, Stability, stability

CLUSTER = "cluster"
# Rounds of k-means||. With Spark's own 2 a start may come by fewer centres than clusters, on which Spark 4.1 fails.
INITIAL_ROUNDS = 3
# A small input has one task a stage: a second fit uses the core that the first leaves idle.
AT_ONCE = 2


@dataclass(frozen=True)
class Candidate:
    """A clustering into ``k``: cost is the sum of squared distances to the centres."""

    k: int
    silhouette: float
    cost: float
    stability: Stability
    model: KMeansModel


def check_bounds(k_min: int, k_max: int) -> None:
    """LakeError unless there is a number of clusters between them."""
    if not 2 <= k_min <= k_max:
        raise LakeError(f"k from {k_min} to {k_max}: expected 2 <= k-min <= k-max")


def different(scaled: DataFrame, enough: int) -> int:
    """Customers with different features, counted up to ``enough``."""
    return scaled.select(SCALED).distinct().limit(enough).count()


def k_range(customers: int, k_min: int, k_max: int) -> range:
    """Numbers of clusters to try: each must leave two different customers a cluster. LakeError where none can."""
    if customers < 2 * k_min:
        needed = f"at least {2 * k_min} are needed"
        raise LakeError(f"{customers} customers with different features are too few for {k_min} clusters: {needed}")
    return range(k_min, min(k_max, customers // 2) + 1)


def try_all(scaled: DataFrame, ks: range, seed: int) -> list[Candidate]:
    """A candidate for each k that leaves no cluster empty. LakeError where there is none."""
    attempt = partial(_try, scaled, sampled(scaled), seed=seed)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        tried = list(pool.map(inheritable_thread_target(scaled.sparkSession)(attempt), ks))
    candidates = [candidate for candidate in tried if candidate is not None]
    if not candidates:
        raise LakeError(f"every clustering into {ks.start} to {ks.stop - 1} clusters left one of them empty")
    return candidates


def best(candidates: list[Candidate]) -> Candidate:
    """Of the stable ones the finest whose silhouette is near the best; where none is stable, the most stable with the fewest."""
    stable = [candidate for candidate in candidates if candidate.stability.worst >= STABLE_FROM]
    if stable:
        highest = max(candidate.silhouette for candidate in stable)
        near = [candidate for candidate in stable if candidate.silhouette >= highest - NEAR * abs(highest)]
        return max(near, key=lambda candidate: candidate.k)
    return max(candidates, key=lambda candidate: (candidate.stability.worst, -candidate.k))


def sampled(scaled: DataFrame) -> np.ndarray:
    """Scaled features of up to SAMPLE customers: always the same ones of the same customers."""
    drawn = scaled.orderBy(F.xxhash64(CUSTOMER_KEY), CUSTOMER_KEY).limit(SAMPLE).select(vector_to_array(SCALED))
    return np.array([row[0] for row in drawn.collect()])


def refined(scaled: DataFrame, chosen: Candidate, seed: int) -> Candidate:
    """The cheapest of STARTS, of which the candidate is one. For choosing it one is enough: a stable number of clusters comes out
    alike whatever the start, and an unstable one shows as such."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        attempt = inheritable_thread_target(scaled.sparkSession)(partial(_fit, scaled, chosen.k))
        others = [fit for fit in pool.map(attempt, range(seed + STARTS, seed + 2 * STARTS - 1)) if _full(fit)]
    cheapest = min(others, key=lambda fit: fit.summary.trainingCost, default=chosen.model)
    if cheapest is chosen.model or cheapest.summary.trainingCost >= chosen.cost:
        return chosen
    return replace(chosen, silhouette=_silhouette(scaled, cheapest), cost=cheapest.summary.trainingCost, model=cheapest)


def _try(scaled: DataFrame, sample: np.ndarray, k: int, seed: int) -> Candidate | None:
    """The first of STARTS that leaves no cluster empty."""
    model = next(filter(_full, (_fit(scaled, k, seed + start) for start in range(STARTS))), None)
    if model is None:
        return None
    agreement = stability(sample, np.array(model.clusterCenters()), seed)
    return Candidate(k, _silhouette(scaled, model), model.summary.trainingCost, agreement, model)


def _full(fit: KMeansModel) -> bool:
    return len(fit.summary.clusterSizes) == fit.getK() and min(fit.summary.clusterSizes) > 0


def _silhouette(scaled: DataFrame, model: KMeansModel) -> float:
    return ClusteringEvaluator(featuresCol=SCALED, predictionCol=CLUSTER).evaluate(model.transform(scaled))


def _fit(scaled: DataFrame, k: int, seed: int) -> KMeansModel:
    # K-Means keeps its own compact copy for its rounds only of an input that is not cached itself: a column of one is not.
    vectors = scaled.select(SCALED)
    k_means = KMeans(featuresCol=SCALED, predictionCol=CLUSTER, k=k, seed=seed, initSteps=INITIAL_ROUNDS, maxIter=MAX_ITERATIONS)
    # Left to choose, Spark takes this solver too, after a pass over the data for each fit.
    return k_means.setSolver("row").fit(vectors)

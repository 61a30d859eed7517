"""K-Means over scaled features for each number of clusters; the best silhouette wins."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from pyspark import inheritable_thread_target
from pyspark.ml.clustering import KMeans, KMeansModel
from pyspark.ml.evaluation import ClusteringEvaluator
from pyspark.sql import DataFrame

from lakehouse.errors import LakeError
from spark_ml.features import SCALED

CLUSTER = "cluster"
MAX_ITERATIONS = 40
# K-Means stops at the nearest local optimum; the cheapest of some starts is kept.
STARTS = 3
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
    with ThreadPoolExecutor(AT_ONCE) as pool:
        tried = list(pool.map(inheritable_thread_target(scaled.sparkSession)(partial(_try, scaled, seed=seed)), ks))
    candidates = [candidate for candidate in tried if candidate is not None]
    if not candidates:
        raise LakeError(f"every clustering into {ks.start} to {ks.stop - 1} clusters left one of them empty")
    return candidates


def best(candidates: list[Candidate]) -> Candidate:
    """The highest silhouette; of equals, the fewest clusters."""
    return max(candidates, key=lambda candidate: (candidate.silhouette, -candidate.k))


def _try(scaled: DataFrame, k: int, seed: int) -> Candidate | None:
    fits = [_fit(scaled, k, seed + start) for start in range(STARTS)]
    full = [fit for fit in fits if len(fit.summary.clusterSizes) == k and min(fit.summary.clusterSizes) > 0]
    if not full:
        return None
    model = min(full, key=lambda fit: fit.summary.trainingCost)
    evaluator = ClusteringEvaluator(featuresCol=SCALED, predictionCol=CLUSTER)
    return Candidate(k, evaluator.evaluate(model.transform(scaled)), model.summary.trainingCost, model)


def _fit(scaled: DataFrame, k: int, seed: int) -> KMeansModel:
    # K-Means keeps its own compact copy for its rounds only of an input that is not cached itself: a column of one is not.
    vectors = scaled.select(SCALED)
    k_means = KMeans(featuresCol=SCALED, predictionCol=CLUSTER, k=k, seed=seed, initSteps=INITIAL_ROUNDS, maxIter=MAX_ITERATIONS)
    # Left to choose, Spark takes this solver too, after a pass over the data for each fit.
    return k_means.setSolver("row").fit(vectors)

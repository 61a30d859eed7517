"""Spark's K-Means over the scaled features of all customers, into the number of clusters that a sample has shown to be best."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from pyspark.ml.clustering import KMeans, KMeansModel
from pyspark.ml.evaluation import ClusteringEvaluator
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contracts.ml import CUSTOMER_KEY
from lakehouse.errors import LakeError
from spark_ml.choice import SAMPLE, Candidate
from spark_ml.features import SCALED
from spark_ml.in_memory import MAX_ITERATIONS, STARTS

CLUSTER = "cluster"
# Rounds of k-means||. With Spark's own 2 a start may come by fewer centres than clusters, on which Spark 4.1 fails.
INITIAL_ROUNDS = 3


@dataclass(frozen=True)
class Clustering:
    """All customers, cut as the candidate says: mean silhouette, and the sum of squared distances to the centres."""

    candidate: Candidate
    silhouette: float
    cost: float
    model: KMeansModel


def different(scaled: DataFrame, enough: int) -> int:
    """Customers with different features, counted up to ``enough``."""
    return scaled.select(SCALED).distinct().limit(enough).count()


def sampled(scaled: DataFrame) -> np.ndarray:
    """Scaled features of up to SAMPLE customers: always the same ones of the same customers."""
    drawn = scaled.orderBy(F.xxhash64(CUSTOMER_KEY), CUSTOMER_KEY).limit(SAMPLE).select(vector_to_array(SCALED))
    return np.array([row[0] for row in drawn.collect()])


def cluster(scaled: DataFrame, ranked: Iterable[Candidate], seed: int) -> Clustering:
    """By the first of the candidates that leaves no cluster empty. LakeError where all leave one."""
    for candidate in ranked:
        if (model := _fitted(scaled, candidate, seed)) is not None:
            return Clustering(candidate, _silhouette(scaled, model), model.summary.trainingCost, model)
    raise LakeError("every clustering left a cluster empty")


def _fitted(scaled: DataFrame, candidate: Candidate, seed: int) -> KMeansModel | None:
    """Of STARTS without an empty cluster the first where the number is stable, else the cheapest: a stable clustering comes out
    alike whatever the start."""
    full = filter(_full, (_fit(scaled, candidate.k, seed + start) for start in range(STARTS)))
    if candidate.stable:
        return next(full, None)
    return min(full, key=lambda fit: fit.summary.trainingCost, default=None)


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

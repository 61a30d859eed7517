"""The segmentation itself: from a frame of features to segments with names, profiles and a model."""

import math
from dataclasses import dataclass

from pyspark.ml import PipelineModel, Transformer
from pyspark.ml.feature import SQLTransformer, StandardScaler
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contracts.ml import CUSTOMER_KEY, REVENUE, SEGMENT_FEATURES
from spark_ml import features, matching, naming
from spark_ml.choice import Candidate, k_range, ranked, try_all
from spark_ml.clustering import CLUSTER, Clustering, cluster, different, sampled
from spark_ml.naming import Profile
from spark_ml.stability import STABLE_FROM

PREVIOUS = "previous_segment"


@dataclass(frozen=True)
class Before:
    """The run before: customer_id and PREVIOUS of its customers, and its names by segment."""

    run_id: str
    assigned: DataFrame
    names: dict[int, str]


@dataclass(frozen=True)
class Segmentation:
    """What was found: ``assigned`` holds customer_id, segment, segment_name, distance, previous_segment and outlier_in.

    ``overlap``: with the segment of the same number in the run before, of those that had one.
    """

    customers: int
    measured: tuple[features.Measured, ...]
    candidates: list[Candidate]
    chosen: Clustering
    profiles: list[Profile]
    names: dict[int, str]
    overlap: dict[int, float]
    model: PipelineModel
    assigned: DataFrame
    notes: list[str]


def segment(
    data: DataFrame, name: str, k_min: int, k_max: int, seed: int, before: Before | None = None, highest: int = 0
) -> Segmentation:
    """Segments of ``data`` (one row per customer, as ``features.checked`` gives it). Those that go on from the run ``before``
    have its numbers, the others the next after ``highest``, the greatest of all runs. LakeError where it cannot be cut."""
    data = data.cache()
    customers, measured = features.measure(data, name)
    telling = features.usable(measured)
    preparing = PipelineModel(stages=_fitted(features.preparation(telling), data))
    scaled = preparing.transform(data).select(CUSTOMER_KEY, *(one.feature.name for one in measured), features.SCALED).cache()
    ks = k_range(different(scaled, 2 * k_max), k_min, k_max)
    candidates = try_all(sampled(scaled), ks, seed)
    chosen = cluster(scaled, ranked(candidates), seed)
    clustered = with_previous(chosen.model.transform(scaled), before)
    overlap = matching.overlaps(common(clustered))
    matched = matching.match(overlap)
    profiles = profile_all(clustered, chosen, telling, customers, matched, highest)
    names = naming.names(list(profiles.values()), before.names if before else None)
    labels = _labels({cluster: profile.segment for cluster, profile in profiles.items()}, names)
    assigned = labels.transform(clustered).withColumns(
        {"distance": _distance(chosen), "outlier_in": features.outlier_in(telling)}
    )
    return Segmentation(
        customers,
        measured,
        candidates,
        chosen,
        list(profiles.values()),
        names,
        {segment: overlap[cluster, segment] for cluster, segment in matched.items()},
        PipelineModel(stages=[*preparing.stages, chosen.model, labels]),
        assigned,
        notes(measured, ks, k_max, chosen.candidate),
    )


def notes(measured: tuple[features.Measured, ...], ks: range, k_max: int, chosen: Candidate) -> list[str]:
    """What was done that one may question, for people."""
    found = features.notes(measured)
    if ks.stop - 1 < k_max:
        found.append(f"k up to {ks.stop - 1} instead of {k_max}: more would leave fewer than two different customers a cluster")
    if not chosen.stable:
        found.append(
            f"no number of clusters is stable: made anew, these {chosen.k} have an adjusted Rand index of "
            f"{chosen.stability.worst:.2f}, below {STABLE_FROM}"
        )
    return found


def with_previous(clustered: DataFrame, before: Before | None) -> DataFrame:
    """With PREVIOUS, 0 for who was not in the run before."""
    if before is None:
        return clustered.withColumn(PREVIOUS, F.lit(0))
    return clustered.join(before.assigned, CUSTOMER_KEY, "left").fillna(0, [PREVIOUS])


def common(clustered: DataFrame) -> dict[tuple[int, int], int]:
    """Customers of both runs by cluster and segment of the run before."""
    rows = clustered.where(F.col(PREVIOUS) > 0).groupBy(CLUSTER, PREVIOUS).count().collect()
    return {(row[CLUSTER], row[PREVIOUS]): row["count"] for row in rows}


def _fitted(stages: list[Transformer | StandardScaler], data: DataFrame) -> list[Transformer]:
    fitted: list[Transformer] = []
    for stage in stages:
        fitted.append(stage.fit(data) if isinstance(stage, StandardScaler) else stage)
        data = fitted[-1].transform(data)
    return fitted


def profile_all(
    clustered: DataFrame,
    chosen: Clustering,
    telling: tuple[features.Measured, ...],
    customers: int,
    matched: dict[int, int],
    highest: int,
) -> dict[int, Profile]:
    """Profile by cluster, by falling mean net revenue; in this order new segments are numbered after ``highest``."""
    statistics = [F.count("*").alias("customers"), F.sum(REVENUE.name).alias("revenue")]
    for feature in SEGMENT_FEATURES:
        median = features.percentile(feature.name, F.lit(0.5))
        statistics += [F.mean(feature.name).alias(f"mean_{feature.name}"), median.alias(f"median_{feature.name}")]
    rows = [row.asDict() for row in clustered.groupBy(CLUSTER).agg(*statistics).na.fill(math.nan).collect()]
    rows.sort(key=lambda row: (-row[f"mean_{REVENUE.name}"], row[CLUSTER]))
    revenue = sum(row["revenue"] for row in rows)
    centres = chosen.model.clusterCenters()
    numbers = matching.numbers([row[CLUSTER] for row in rows], matched, highest)
    return {
        row[CLUSTER]: Profile(
            segment=numbers[row[CLUSTER]],
            customers=row["customers"],
            share=row["customers"] / customers,
            revenue=row["revenue"],
            revenue_share=row["revenue"] / revenue if revenue else 0.0,
            mean={feature.name: row[f"mean_{feature.name}"] for feature in SEGMENT_FEATURES},
            median={feature.name: row[f"median_{feature.name}"] for feature in SEGMENT_FEATURES},
            position={one.feature.name: float(at) for one, at in zip(telling, centres[row[CLUSTER]], strict=True)},
        )
        for row in rows
    }


def _labels(segments: dict[int, int], names: dict[int, str]) -> SQLTransformer:
    """The model's last stage: K-Means numbers its clusters at random, people read segments and names."""
    numbers = " ".join(f"WHEN {cluster} THEN {number}" for cluster, number in segments.items())
    words = " ".join(f"WHEN {cluster} THEN '{names[number]}'" for cluster, number in segments.items())
    columns = f"CASE {CLUSTER} {numbers} END AS segment, CASE {CLUSTER} {words} END AS segment_name"
    return SQLTransformer(statement=f"SELECT *, {columns} FROM __THIS__")


def _distance(chosen: Clustering) -> Column:
    centres = F.array(*(F.array(*(F.lit(float(at)) for at in centre)) for centre in chosen.model.clusterCenters()))
    squares = F.zip_with(vector_to_array(features.SCALED), centres[F.col(CLUSTER)], lambda value, at: (value - at) * (value - at))
    return F.sqrt(F.aggregate(squares, F.lit(0.0), lambda total, square: total + square))

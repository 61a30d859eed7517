"""The segmentation itself: from a frame of features to segments with names, profiles and a model."""

import math
from dataclasses import dataclass

from pyspark.ml import PipelineModel, Transformer
from pyspark.ml.feature import SQLTransformer, StandardScaler
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contracts.ml import CUSTOMER_KEY, REVENUE, SEGMENT_FEATURES
from spark_ml import features, naming
from spark_ml.clustering import CLUSTER, Candidate, best, different, k_range, try_all
from spark_ml.naming import Profile


@dataclass(frozen=True)
class Segmentation:
    """What was found: ``assigned`` holds customer_id, segment, segment_name and distance."""

    customers: int
    measured: tuple[features.Measured, ...]
    candidates: list[Candidate]
    chosen: Candidate
    profiles: list[Profile]
    names: dict[int, str]
    model: PipelineModel
    assigned: DataFrame
    notes: list[str]


def segment(data: DataFrame, name: str, k_min: int, k_max: int, seed: int) -> Segmentation:
    """Segments of ``data`` (one row per customer, as ``features.checked`` gives it). LakeError where it cannot be cut."""
    data = data.cache()
    customers, measured = features.measure(data, name)
    telling = features.usable(measured)
    preparing = PipelineModel(stages=_fitted(features.preparation(telling), data))
    scaled = preparing.transform(data).select(CUSTOMER_KEY, *(one.feature.name for one in measured), features.SCALED).cache()
    ks = k_range(different(scaled, 2 * k_max), k_min, k_max)
    notes = features.notes(measured)
    if ks.stop - 1 < k_max:
        notes.append(f"k up to {ks.stop - 1} instead of {k_max}: more would leave fewer than two different customers a cluster")
    candidates = try_all(scaled, ks, seed)
    chosen = best(candidates)
    clustered = chosen.model.transform(scaled)
    profiles = profile_all(clustered, chosen, telling, customers)
    names = naming.names(list(profiles.values()))
    labels = _labels({cluster: profile.segment for cluster, profile in profiles.items()}, names)
    assigned = labels.transform(clustered).withColumn("distance", _distance(chosen))
    model = PipelineModel(stages=[*preparing.stages, chosen.model, labels])
    return Segmentation(customers, measured, candidates, chosen, list(profiles.values()), names, model, assigned, notes)


def _fitted(stages: list[Transformer | StandardScaler], data: DataFrame) -> list[Transformer]:
    fitted: list[Transformer] = []
    for stage in stages:
        fitted.append(stage.fit(data) if isinstance(stage, StandardScaler) else stage)
        data = fitted[-1].transform(data)
    return fitted


def profile_all(
    clustered: DataFrame, chosen: Candidate, telling: tuple[features.Measured, ...], customers: int
) -> dict[int, Profile]:
    """Profile by cluster, in the order of the segments: by falling mean net revenue."""
    statistics = [F.count("*").alias("customers"), F.sum(REVENUE.name).alias("revenue")]
    for feature in SEGMENT_FEATURES:
        statistics += [F.mean(feature.name).alias(f"mean_{feature.name}"), F.median(feature.name).alias(f"median_{feature.name}")]
    rows = [row.asDict() for row in clustered.groupBy(CLUSTER).agg(*statistics).na.fill(math.nan).collect()]
    rows.sort(key=lambda row: (-row[f"mean_{REVENUE.name}"], row[CLUSTER]))
    revenue = sum(row["revenue"] for row in rows)
    centres = chosen.model.clusterCenters()
    return {
        row[CLUSTER]: Profile(
            segment=number,
            customers=row["customers"],
            share=row["customers"] / customers,
            revenue_share=row["revenue"] / revenue if revenue else 0.0,
            mean={feature.name: row[f"mean_{feature.name}"] for feature in SEGMENT_FEATURES},
            median={feature.name: row[f"median_{feature.name}"] for feature in SEGMENT_FEATURES},
            position={one.feature.name: float(at) for one, at in zip(telling, centres[row[CLUSTER]], strict=True)},
        )
        for number, row in enumerate(rows, start=1)
    }


def _labels(segments: dict[int, int], names: dict[int, str]) -> SQLTransformer:
    """The model's last stage: K-Means numbers its clusters at random, people read segments and names."""
    numbers = " ".join(f"WHEN {cluster} THEN {number}" for cluster, number in segments.items())
    words = " ".join(f"WHEN {cluster} THEN '{names[number]}'" for cluster, number in segments.items())
    columns = f"CASE {CLUSTER} {numbers} END AS segment, CASE {CLUSTER} {words} END AS segment_name"
    return SQLTransformer(statement=f"SELECT *, {columns} FROM __THIS__")


def _distance(chosen: Candidate) -> Column:
    centres = F.array(*(F.array(*(F.lit(float(at)) for at in centre)) for centre in chosen.model.clusterCenters()))
    squares = F.zip_with(vector_to_array(features.SCALED), centres[F.col(CLUSTER)], lambda value, at: (value - at) * (value - at))
    return F.sqrt(F.aggregate(squares, F.lit(0.0), lambda total, square: total + square))

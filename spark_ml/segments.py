"""Customer segments by K-Means: ``python -m spark_ml.segments --run-id R [--k-min 2 --k-max 8 --seed 1]``.

Reads the features at the snapshot that the run exported, tries each k, takes the one with the best silhouette, and writes
under the run id: the model to the object store, then k_selection, segment_profiles and, last, customer_segments to the lake.
A run whose customer_segments are there is done: run again, it changes nothing. Facts go to VAR_DIR/runs/R/segments.json.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from pyiceberg.catalog import Catalog
from pyiceberg.expressions import EqualTo
from pyspark.ml import PipelineModel
from pyspark.ml.feature import SQLTransformer
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts.lake import CUSTOMER_FEATURES
from contracts.ml import CUSTOMER_SEGMENTS, K_SELECTION, REVENUE, SEGMENT_FEATURES, SEGMENT_PROFILES, ResultTable
from contracts.settings import settings
from lakehouse import clients, runs
from lakehouse.errors import LakeError, exit_code
from spark_ml import features, model_store, naming, results
from spark_ml.clustering import CLUSTER, Candidate, best, k_range, try_all
from spark_ml.session import session

MODEL = "segments"


@dataclass(frozen=True)
class Segmentation:
    """What was found: ``assigned`` holds customer_id, segment, segment_name and distance."""

    customers: int
    measured: tuple[features.Measured, ...]
    candidates: list[Candidate]
    chosen: Candidate
    profiles: list[naming.Profile]
    names: dict[int, str]
    model: PipelineModel
    assigned: DataFrame
    notes: list[str]


def segment(data: DataFrame, name: str, k_min: int, k_max: int, seed: int) -> Segmentation:
    """Segments of ``data`` (one row per customer, as ``features.checked`` gives it). LakeError where it cannot be cut."""
    data = data.cache()
    customers, measured = features.measure(data, name)
    telling = features.usable(measured)
    ks = k_range(customers, k_min, k_max)
    notes = features.notes(measured)
    if ks.stop - 1 < k_max:
        notes.append(f"k up to {ks.stop - 1} instead of {k_max}: there are {customers} customers")
    preparing = PipelineModel(stages=_fitted(features.preparation(telling), data))
    scaled = preparing.transform(data).select("customer_id", *(one.feature.name for one in measured), features.SCALED).cache()
    candidates = try_all(scaled, ks, seed)
    chosen = best(candidates)
    clustered = chosen.model.transform(scaled)
    profiles = profile_all(clustered, chosen, telling, customers)
    names = naming.names([profile for _, profile in profiles])
    labels = _labels({cluster: profile.segment for cluster, profile in profiles}, names)
    assigned = labels.transform(clustered).withColumn("distance", _distance(chosen))
    model = PipelineModel(stages=[*preparing.stages, chosen.model, labels])
    return Segmentation(customers, measured, candidates, chosen, [profile for _, profile in profiles], names, model, assigned, notes)


def _fitted(stages: list[Any], data: DataFrame) -> list[Any]:
    fitted = []
    for stage in stages:
        fitted.append(stage.fit(data) if hasattr(stage, "fit") else stage)
        data = fitted[-1].transform(data)
    return fitted


def profile_all(clustered: DataFrame, chosen: Candidate, telling: tuple[features.Measured, ...], customers: int) -> list[tuple[int, naming.Profile]]:
    """(cluster, profile) in the order of the segments: by falling mean net revenue."""
    statistics = [F.count("*").alias("customers"), F.sum(REVENUE.name).alias("revenue")]
    for feature in SEGMENT_FEATURES:
        statistics += [F.mean(feature.name).alias(f"mean_{feature.name}"), F.median(feature.name).alias(f"median_{feature.name}")]
    rows = clustered.groupBy(CLUSTER).agg(*statistics).collect()
    rows.sort(key=lambda row: (-(row[f"mean_{REVENUE.name}"] or 0.0), row[CLUSTER]))
    revenue = sum(row["revenue"] or 0.0 for row in rows)
    centres = chosen.model.clusterCenters()
    return [
        (
            row[CLUSTER],
            naming.Profile(
                segment=number,
                customers=row["customers"],
                share=row["customers"] / customers,
                revenue_share=(row["revenue"] or 0.0) / revenue if revenue else 0.0,
                mean={feature.name: row[f"mean_{feature.name}"] for feature in SEGMENT_FEATURES},
                median={feature.name: row[f"median_{feature.name}"] for feature in SEGMENT_FEATURES},
                position={one.feature.name: float(at) for one, at in zip(telling, centres[row[CLUSTER]], strict=True)},
            ),
        )
        for number, row in enumerate(rows, start=1)
    ]


def _labels(segments: dict[int, int], names: dict[int, str]) -> SQLTransformer:
    """The model's last stage: K-Means numbers its clusters at random, people read segments and names."""
    numbers = " ".join(f"WHEN {cluster} THEN {number}" for cluster, number in segments.items())
    words = " ".join(f"WHEN {cluster} THEN '{names[number]}'" for cluster, number in segments.items())
    return SQLTransformer(statement=f"SELECT *, CASE {CLUSTER} {numbers} END AS segment, CASE {CLUSTER} {words} END AS segment_name FROM __THIS__")


def _distance(chosen: Candidate) -> Column:
    centres = F.array(*(F.array(*(F.lit(float(at)) for at in centre)) for centre in chosen.model.clusterCenters()))
    squares = F.zip_with(vector_to_array(features.SCALED), centres[F.col(CLUSTER)], lambda value, at: (value - at) * (value - at))
    return F.sqrt(F.aggregate(squares, F.lit(0.0), lambda total, square: total + square))


def already_there(catalog: Catalog, run_id: str) -> int:
    """Customers that the run has in the lake."""
    if not catalog.table_exists(CUSTOMER_SEGMENTS.identifier):
        return 0
    return catalog.load_table(CUSTOMER_SEGMENTS.identifier).scan(row_filter=EqualTo("run_id", run_id)).count()


def write(spark: SparkSession, found: Segmentation, run_id: str, as_of: str, computed_at: datetime) -> None:
    """The small tables first: who sees the run's customers finds everything else."""
    run = {"run_id": run_id, "as_of": date.fromisoformat(as_of), "computed_at": computed_at}
    tried = [{**run, "k": c.k, "silhouette": c.silhouette, "cost": c.cost, "chosen": int(c is found.chosen)} for c in found.candidates]
    profiles = [
        {
            **run,
            "segment": one.segment,
            "segment_name": found.names[one.segment],
            "meaning": naming.meaning(one),
            "customers": one.customers,
            "share": one.share,
            "revenue_share": one.revenue_share,
            **{f"mean_{name}": value for name, value in one.mean.items()},
            **{f"median_{name}": value for name, value in one.median.items()},
        }
        for one in found.profiles
    ]
    for table, rows in ((K_SELECTION, tried), (SEGMENT_PROFILES, profiles)):
        results.replace_run(spark, table, _frame(spark, table, rows), run_id, as_of)
    assigned = found.assigned.withColumns({name: F.lit(value) for name, value in run.items()})
    results.replace_run(spark, CUSTOMER_SEGMENTS, assigned, run_id, as_of)


def _frame(spark: SparkSession, table: ResultTable, rows: list[dict[str, Any]]) -> DataFrame:
    return spark.createDataFrame([tuple(row[column.name] for column in table.columns) for row in rows], results.schema(table))


def facts(found: Segmentation, parameters: dict[str, int], source: dict[str, Any], address: str, computed_at: datetime) -> dict[str, Any]:
    """What the report and later runs need to know of this one."""
    return {
        "parameters": parameters,
        "as_of": source["as_of"],
        "snapshot_id": source["snapshot_id"],
        "computed_at": computed_at.isoformat(),
        "customers": found.customers,
        "model": address,
        "notes": found.notes,
        "features": [{"name": one.feature.name, "logged": one.logged, "median": one.median} for one in found.measured if not one.constant],
        "k": found.chosen.k,
        "silhouette": found.chosen.silhouette,
        "positions": {str(one.segment): dict(one.position) for one in found.profiles},
        "segments": [
            {"segment": p.segment, "name": found.names[p.segment], "customers": p.customers, "share": p.share, "meaning": naming.meaning(p)}
            for p in found.profiles
        ],
    }


def run(run_id: str, parameters: dict[str, int]) -> dict[str, Any]:
    """All of the step; the run's facts. LakeError where a run of the same id was made with other parameters."""
    started = time.monotonic()
    source = runs.read(run_id, runs.EXPORT)["tables"][CUSTOMER_FEATURES.identifier]
    catalog, store = clients.catalog(settings()), clients.object_store(settings())
    if already_there(catalog, run_id) and runs.path(run_id, runs.SEGMENTS).exists():
        known = runs.read(run_id, runs.SEGMENTS)
        if known["parameters"] != parameters:
            raise LakeError(f"run {run_id} has segments made with {known['parameters']}, not {parameters}: take another run id")
        return known
    computed_at = datetime.now(UTC).replace(microsecond=0)
    with session(settings(), f"segments {run_id}") as spark:
        name = f"{CUSTOMER_FEATURES.identifier} at snapshot {source['snapshot_id']}"
        found = segment(features.frozen_features(spark, source["snapshot_id"]), name, **parameters)
        if found.customers != source["rows"]:
            raise LakeError(f"{name}: {found.customers} customers read, {source['rows']} exported")
        address = model_store.upload(store, settings().bucket, MODEL, run_id, found.model)
        known = facts(found, parameters, source, address, computed_at)
        known["seconds"] = round(time.monotonic() - started, 1)
        runs.write(run_id, runs.SEGMENTS, known)
        write(spark, found, run_id, source["as_of"], computed_at)
    written = already_there(catalog, run_id)
    if written != found.customers:
        raise LakeError(f"{CUSTOMER_SEGMENTS.identifier}: {written} rows written of run {run_id}, {found.customers} expected")
    return known


def main() -> None:
    parser = argparse.ArgumentParser(prog="spark_ml.segments", description="Customer segments by K-Means, k chosen by silhouette.")
    parser.add_argument("--run-id", required=True, type=runs.run_id)
    parser.add_argument("--k-min", type=int, default=2)
    parser.add_argument("--k-max", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    known = run(arguments.run_id, {"k_min": arguments.k_min, "k_max": arguments.k_max, "seed": arguments.seed})
    for note in known["notes"]:
        print(note)
    print(f"{known['customers']:,} customers, k = {known['k']}, silhouette {known['silhouette']:.3f}, {known['seconds']} s")
    for one in known["segments"]:
        print(f"{one['segment']:>2}  {one['name']:<24}{one['customers']:>9,}  {one['share']:>6.1%}  {one['meaning']}")


if __name__ == "__main__":
    sys.exit(exit_code("spark_ml.segments", main))

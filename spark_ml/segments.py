"""Customer segments by K-Means: ``python -m spark_ml.segments --run-id R [--k-min 2 --k-max 10 --seed 1]``.

Reads the features at the snapshot that the run exported, tries each k, takes the finest of those that chance hardly changes and
whose silhouette is near the best, and gives the segments the numbers of those that they go on from in the run before. Writes
under the run id: the model to the object store, then segment_profiles, k_selection, segment_inputs and, last, customer_segments
to the lake. A run whose customer_segments are there is done: run again, it changes nothing. Facts go to
VAR_DIR/runs/R/segments.json.
"""

import argparse
import math
import sys
import time
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
from pyiceberg.catalog import Catalog
from pyiceberg.expressions import EqualTo
from pyspark.sql import functions as F  # noqa: N812

from contracts.lake import CUSTOMER_FEATURES
from contracts.ml import CUSTOMER_SEGMENTS, K_SELECTION, SEGMENT_INPUTS, SEGMENT_PROFILES
from contracts.settings import settings
from contracts.steps import K_MAX, K_MIN
from lakehouse import clients, runs
from lakehouse.errors import LakeError
from lakehouse.program import exit_code
from lakehouse.results import ensure, replace_run
from spark_ml import features, model_store, naming
from spark_ml.choice import Candidate, check_bounds
from spark_ml.naming import Profile
from spark_ml.previous import predecessor
from spark_ml.results import overwrite_run
from spark_ml.segmentation import Segmentation, segment
from spark_ml.session import session

MODEL = "segments"


def already_there(catalog: Catalog, run_id: str) -> int:
    """Customers that the run has in the lake."""
    if not catalog.table_exists(CUSTOMER_SEGMENTS.identifier):
        return 0
    return catalog.load_table(CUSTOMER_SEGMENTS.identifier).scan(row_filter=EqualTo("run_id", run_id)).count()


def write(catalog: Catalog, found: Segmentation, run_id: str, before: str, as_of: str, computed_at: datetime) -> None:
    """The small tables first, without Spark: who sees the run's customers finds everything else."""
    run = {"run_id": run_id, "as_of": date.fromisoformat(as_of), "computed_at": computed_at}
    matched = {one.segment: {"previous_run": before, "overlap": found.overlap.get(one.segment, 0.0)} for one in found.profiles}
    profiles = (profile_row(one, found.names[one.segment]) | matched[one.segment] for one in found.profiles)
    tried = (tried_row(one, one is found.chosen.candidate) for one in found.candidates)
    inputs = (input_row(one) for one in found.measured)
    for table, rows in ((SEGMENT_PROFILES, profiles), (K_SELECTION, tried), (SEGMENT_INPUTS, inputs)):
        replace_run(catalog, table, pd.DataFrame([run | row for row in rows]), run_id, as_of)
    assigned = found.assigned.withColumns({name: F.lit(value) for name, value in run.items()})
    overwrite_run(CUSTOMER_SEGMENTS, assigned, run_id, as_of)


def tried_row(one: Candidate, chosen: bool) -> dict[str, Any]:
    """The columns of K_SELECTION but those of the run."""
    return {
        "k": one.k,
        "silhouette": one.silhouette,
        "seed_stability": one.stability.seeds,
        "bootstrap_stability": one.stability.bootstraps,
        "cost": one.cost,
        "chosen": int(chosen),
    }


def input_row(one: features.Measured) -> dict[str, Any]:
    """The columns of SEGMENT_INPUTS but those of the run."""
    low, high = one.bounds or (math.nan, math.nan)
    return {
        "feature": one.feature.name,
        "used": int(not one.constant),
        "logged": int(one.logged and not one.constant),
        "missing": one.missing,
        "low": low,
        "high": high,
        "outliers": one.outliers,
        "least": math.nan if one.minimum is None else one.minimum,
        "greatest": math.nan if one.maximum is None else one.maximum,
    }


def profile_row(profile: Profile, name: str) -> dict[str, Any]:
    """The columns of SEGMENT_PROFILES but those of the run and of the run before."""
    return {
        "segment": profile.segment,
        "segment_name": name,
        "meaning": naming.meaning(profile),
        "customers": profile.customers,
        "share": profile.share,
        "revenue": profile.revenue,
        "revenue_share": profile.revenue_share,
        **{f"mean_{feature}": value for feature, value in profile.mean.items()},
        **{f"median_{feature}": value for feature, value in profile.median.items()},
    }


def facts(found: Segmentation, source: dict[str, Any]) -> dict[str, Any]:
    """What the report and later runs need to know of this one, beside its tables."""
    return {
        "as_of": source["as_of"],
        "snapshot_id": source["snapshot_id"],
        "customers": found.customers,
        "k": found.chosen.candidate.k,
        "silhouette": found.chosen.silhouette,
        "cost": found.chosen.cost,
        "stability": found.chosen.candidate.stability.worst,
        "notes": found.notes,
        "features": [
            {"name": one.feature.name, "logged": one.logged, "median": one.median, "bounds": one.bounds}
            for one in found.measured
            if not one.constant
        ],
        "segments": [profile_row(one, found.names[one.segment]) for one in found.profiles],
        "positions": {str(one.segment): dict(one.position) for one in found.profiles},
    }


def run(run_id: str, parameters: dict[str, int]) -> dict[str, Any]:
    """All of the step; the run's facts. LakeError where a run of the same id was made with other parameters."""
    started = time.monotonic()
    check_bounds(parameters["k_min"], parameters["k_max"])
    source = runs.read(run_id, runs.EXPORT)["tables"][CUSTOMER_FEATURES.identifier]
    catalog, store = clients.catalog(settings()), clients.object_store(settings())
    if already_there(catalog, run_id) and runs.path(run_id, runs.SEGMENTS).exists():
        known = runs.read(run_id, runs.SEGMENTS)
        if known["parameters"] != parameters:
            raise LakeError(f"run {run_id} has segments made with {known['parameters']}, not {parameters}: take another run id")
        return known
    computed_at = datetime.now(UTC).replace(microsecond=0)
    earlier = predecessor(catalog, run_id, date.fromisoformat(source["as_of"]))
    # Before Spark looks at it: a session remembers a table's columns.
    ensure(catalog, CUSTOMER_SEGMENTS)
    with session(settings(), f"segments {run_id}", source["rows"]) as spark:
        name = f"{CUSTOMER_FEATURES.identifier} at snapshot {source['snapshot_id']}"
        frozen = features.frozen_features(spark, catalog, source["snapshot_id"])
        found = segment(frozen, name, **parameters, before=earlier.read(spark), highest=earlier.highest)
        if found.customers != source["rows"]:
            raise LakeError(f"{name}: {found.customers} customers read, {source['rows']} exported")
        shared = settings().get("SPARK_SHARED_DIR", "")
        address = model_store.upload(store, settings().bucket, MODEL, run_id, found.model, shared)
        seconds = round(time.monotonic() - started, 1)
        known = facts(found, source) | {
            "previous_run": earlier.run_id or "", "parameters": parameters,
            "model": address, "computed_at": computed_at.isoformat(), "seconds": seconds,
        }  # fmt: skip
        runs.write(run_id, runs.SEGMENTS, known)
        write(catalog, found, run_id, earlier.run_id or "", source["as_of"], computed_at)
    written = already_there(catalog, run_id)
    if written != found.customers:
        raise LakeError(f"{CUSTOMER_SEGMENTS.identifier}: {written} rows written of run {run_id}, {found.customers} expected")
    return known


def main() -> None:
    parser = argparse.ArgumentParser(prog="spark_ml.segments", description="Customer segments by K-Means.")
    parser.add_argument("--run-id", required=True, type=runs.run_id)
    parser.add_argument("--k-min", type=int, default=K_MIN)
    parser.add_argument("--k-max", type=int, default=K_MAX)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    known = run(arguments.run_id, {"k_min": arguments.k_min, "k_max": arguments.k_max, "seed": arguments.seed})
    for note in known["notes"]:
        print(note)
    print(
        f"{known['customers']:,} customers, k = {known['k']}, silhouette {known['silhouette']:.3f}, "
        f"stability {known['stability']:.2f}, {known['seconds']} s; run before: {known['previous_run'] or 'none'}"
    )
    for one in known["segments"]:
        print(f"{one['segment']:>2}  {one['segment_name']:<24}{one['customers']:>9,}  {one['share']:>6.1%}  {one['meaning']}")


if __name__ == "__main__":
    sys.exit(exit_code("spark_ml.segments", main))

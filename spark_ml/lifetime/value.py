"""What each customer will buy and bring: ``python -m spark_ml.lifetime.value --run-id R``.

BG/NBD and Gamma-Gamma over the frozen clv_summary, with intervals; expected purchases and value over 3, 6 and 12 months to
ml.lifetime_values in the lake. The error is that of the same two models fitted at the oldest cutoff of churn_features, over the
days since, with the mean of all days of a customer as spending (``holdout``). Writes VAR_DIR/runs/R/lifetime.json and
VAR_DIR/reports/lifetime-R.html; the run is tracked in MLflow.
"""

import argparse
import sys
from datetime import UTC, date, datetime
from typing import Any

import mlflow
import pandas as pd
from pyiceberg.catalog import Catalog

from contracts.lake import CHURN_FEATURES, CLV_SUMMARY, ExportedMart
from contracts.ml import HORIZONS, LIFETIME_VALUES
from contracts.settings import settings
from lakehouse import clients, runs
from lakehouse.errors import LakeError
from lakehouse.results import replace_run
from spark_ml.lifetime import buying, holdout, report, spending
from spark_ml.lifetime.forecast import forecast
from spark_ml.lifetime.posterior import around_the_mode
from spark_ml.pages import publish
from spark_ml.registry.client import code_version, connect, exit_code, experiment

LIFETIME = "lifetime"
# Repeat buyers below which four parameters cannot be told apart.
LEAST_REPEATS = 50


def frozen(catalog: Catalog, run_id: str, mart: ExportedMart) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The rows of a mart that the run froze, and where they are from. LakeError naming a snapshot that is gone."""
    source = runs.read(run_id, runs.inputs(mart.name))["tables"][mart.identifier]
    table = catalog.load_table(mart.identifier)
    if table.snapshot_by_id(source["snapshot_id"]) is None:
        raise LakeError(f"{mart.identifier} has no snapshot {source['snapshot_id']}: it has expired; export again")
    return table.scan(snapshot_id=source["snapshot_id"]).to_pandas(), source


def fit(summary: pd.DataFrame, seed: int):
    """Both models with draws. LakeError where too few customers came back."""
    repeats = int((summary["frequency"] > 0).sum())
    if repeats < LEAST_REPEATS:
        raise LakeError(f"{repeats} customers bought on a second day, {LEAST_REPEATS} are needed to tell when they come back")
    return around_the_mode(buying.fit(summary, seed), seed), around_the_mode(spending.fit(summary, seed), seed)


def parameters(*models) -> dict[str, dict[str, float]]:
    """Median and 95 % interval of each."""
    return {
        name: dict(zip(("estimate", "low", "high"), draws.quantile([0.5, 0.025, 0.975]).to_numpy().tolist(), strict=True))
        for model in models
        for name, draws in model.idata.posterior.data_vars.items()
    }


def judged(features: pd.DataFrame, seed: int) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """Errors of a forecast made at the oldest cutoff, and its groups for the plots."""
    history, days = holdout.histories(features)
    foretold = forecast(*fit(history, seed), history, {0: days})
    pairs = {
        "purchases": (foretold["purchases_0m"].to_numpy(), history["later_purchases"].to_numpy()),
        "value": (foretold["value_0m"].to_numpy(), history["later_value"].to_numpy()),
    }
    errors = {name: holdout.error(*pair).row() for name, pair in pairs.items()}
    return {"days": days, "customers": len(history), **errors}, {name: holdout.by_group(*pair) for name, pair in pairs.items()}


def run(run_id: str, seed: int) -> dict[str, Any]:
    catalog, store = clients.catalog(settings()), clients.object_store(settings())
    connect(settings())
    summary, source = frozen(catalog, run_id, CLV_SUMMARY)
    features, _ = frozen(catalog, run_id, CHURN_FEATURES)
    models = fit(summary, seed)
    found = forecast(*models, summary, HORIZONS)
    errors, groups = judged(features, seed)
    facts = {
        "as_of": source["as_of"], "snapshot_id": source["snapshot_id"], "customers": len(found),
        "parameters": parameters(*models), "holdout": errors, "value_12m": float(found["value_12m"].sum()),
    }  # fmt: skip
    page = publish(store, settings().bucket, LIFETIME, run_id, report.page(run_id, facts, groups, found))
    with mlflow.start_run(
        experiment_id=experiment(LIFETIME), run_name=run_id, tags={"run_id": run_id, "code_version": code_version()}
    ):
        mlflow.log_params({"snapshot_id": source["snapshot_id"], "as_of": source["as_of"], "seed": seed})
        mlflow.log_metrics({name: one["estimate"] for name, one in facts["parameters"].items()})
        mlflow.log_metrics({f"{what}.{name}": errors[what][name] for what in groups for name in errors[what]})
        mlflow.log_artifact(str(page), "pages")
    computed_at = pd.Timestamp(datetime.now(UTC).replace(microsecond=0))
    rows = found.assign(run_id=run_id, as_of=date.fromisoformat(source["as_of"]), computed_at=computed_at)
    replace_run(catalog, LIFETIME_VALUES, rows, run_id, source["as_of"])
    facts["page"] = str(page)
    runs.write(run_id, LIFETIME, facts)
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(prog="spark_ml.lifetime.value", description="Purchases and value to come of each customer.")
    parser.add_argument("--run-id", required=True, type=runs.run_id)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    facts = run(given.run_id, given.seed)
    for name, one in facts["parameters"].items():
        print(f"{name:<8}{one['estimate']:>10.3f}   95 %: {one['low']:.3f} to {one['high']:.3f}")
    held = facts["holdout"]
    for what in ("purchases", "value"):
        error = held[what]
        print(
            f"holdout, {held['days']} days, {what}: MAE {error['mae']:.3f}, bias {error['bias']:+.1%}, rank {error['rank']:.3f}"
        )
    print(f"{facts['customers']:,} customers, {facts['value_12m']:,.0f} EUR expected within 12 months: {facts['page']}")


if __name__ == "__main__":
    sys.exit(exit_code("spark_ml.lifetime.value", main))

"""Score the customers of the as-of day with the champion: ``python -m spark_ml.churn.score --run-id R``.

The champion is the run's own model where it won, else the one before it. Rows go to ml.churn_evaluation and then, last,
ml.churn_scores in the lake, under the run id; run again, they are replaced by the same.
"""

import argparse
import sys
from datetime import UTC, date, datetime
from typing import Any

import mlflow
import numpy as np
import pandas as pd

from contracts.churn import CUSTOMER, FEATURES
from contracts.ml import CHURN_EVALUATION, CHURN_SCORES
from contracts.settings import settings
from lakehouse import clients, runs
from lakehouse.results import replace_run
from spark_ml.churn import explain, features
from spark_ml.churn.handed_on import EVALUATE, SCORE
from spark_ml.churn.register import MODEL
from spark_ml.registry.champion import champion
from spark_ml.registry.client import connect, exit_code


def scores(model: Any, threshold: float, current: pd.DataFrame) -> pd.DataFrame:
    """The columns of CHURN_SCORES but those of the run and the model's version."""
    score = model.predict_proba(current[list(FEATURES)])[:, 1]
    values = explain.contributions(model, current, current, many=True)
    return pd.DataFrame(
        {
            "customer_id": current[CUSTOMER],
            "churn_score": score,
            "offer": (score >= threshold).astype(np.int32),
            "factors": explain.factors(values, current),
        }
    )


def evaluation_rows(evaluated: dict[str, Any]) -> pd.DataFrame:
    rows = (found | {"model": name, "chosen": int(name == evaluated["chosen"])} for name, found in evaluated["models"].items())
    shared = {
        "cutoff_day": date.fromisoformat(evaluated["test_cutoff"]),
        **{key: evaluated[key] for key in ("customers", "churned")},
    }
    return pd.DataFrame(rows).assign(**shared)


def run(run_id: str) -> dict[str, Any]:
    evaluated, source = runs.read(run_id, EVALUATE), features.source(run_id)
    as_of = date.fromisoformat(source["as_of"])
    current = features.at(run_id, as_of)
    version = champion(connect(settings()), MODEL)
    rules = mlflow.artifacts.load_dict(f"runs:/{version.run_id}/scoring.json")
    features.known_categories(current, rules["categories"], f"features of {as_of}, to be scored by version {version.version}")
    model = mlflow.sklearn.load_model(f"models:/{MODEL}/{version.version}")
    found = scores(model, rules["threshold"], current).assign(model_version=np.int32(version.version))
    computed_at = pd.Timestamp(datetime.now(UTC).replace(microsecond=0))
    shared = {"run_id": run_id, "as_of": as_of, "computed_at": computed_at}
    catalog = clients.catalog(settings())
    replace_run(catalog, CHURN_EVALUATION, evaluation_rows(evaluated).assign(**shared), run_id, source["as_of"])
    written = replace_run(catalog, CHURN_SCORES, found.assign(**shared), run_id, source["as_of"])
    facts = {"customers": written, "offers": int(found["offer"].sum()), "model_version": int(version.version)}
    runs.write(run_id, SCORE, facts)
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(prog="spark_ml.churn.score", description="Score the customers of the as-of day.")
    parser.add_argument("--run-id", required=True, type=runs.run_id)
    facts = run(parser.parse_args().run_id)
    print(f"{facts['customers']:,} customers scored by version {facts['model_version']}; an offer pays for {facts['offers']:,}")


if __name__ == "__main__":
    sys.exit(exit_code("spark_ml.churn.score", main))

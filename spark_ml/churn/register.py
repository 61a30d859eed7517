"""Register the run's model and let it challenge the champion: ``python -m spark_ml.churn.register --run-id R [--margin 0.002]``.

The version carries signature, input example, card, report and gate page, and as tags the snapshot, the code's version, the
cutoffs and the metrics. It is the challenger; it becomes the champion where there is none, or where its ROC AUC on the test
set of this run is higher than the champion's by more than the margin. Run again, it finds its version.
"""

import argparse
import sys
from datetime import date
from importlib.metadata import version as installed
from typing import Any

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import infer_signature
from sklearn.metrics import roc_auc_score

from contracts import churn
from contracts.churn import FEATURES, LABEL
from contracts.settings import settings
from lakehouse import runs
from spark_ml.churn import features
from spark_ml.churn.card import card
from spark_ml.churn.handed_on import EVALUATE, GATE, REGISTER, TRAIN, load
from spark_ml.registry.champion import CHALLENGER, CHAMPION, RUN_TAG, better, of_run, promote, with_alias
from spark_ml.registry.client import code_version, connect, exit_code, experiment

MODEL = "churn"
EXAMPLE_ROWS = 5


def log(
    client: MlflowClient, run_id: str, test: pd.DataFrame, trained: dict[str, Any], evaluated: dict[str, Any]
) -> ModelVersion:
    """A tracked run with all candidates' metrics, and the chosen model as a new version."""
    chosen, code = evaluated["chosen"], code_version()
    found, model = evaluated["models"][chosen], load(run_id, evaluated["chosen"])
    example = test[list(FEATURES)].head(EXAMPLE_ROWS)
    tags = {
        RUN_TAG: run_id,
        "algorithm": chosen,
        "snapshot_id": str(trained["snapshot_id"]),
        "code_version": code,
        "as_of": trained["as_of"],
        "test_cutoff": trained["test_cutoff"],
        "train_cutoffs": ",".join(trained["train_cutoffs"]),
        "threshold": repr(found["threshold"]),
        **{name: f"{found[name]:.6f}" for name in ("roc_auc", "pr_auc", "brier", "precision_at_top", "profit")},
    }
    text = card(run_id, trained, evaluated, code)
    with mlflow.start_run(experiment_id=experiment(MODEL), run_name=run_id, tags=tags):
        mlflow.log_params({f"{chosen}.{name}": value for name, value in trained["models"][chosen]["parameters"].items()})
        mlflow.log_params({"trials": trained["trials"], "seed": trained["seed"], **trained["economics"]})
        for name, one in evaluated["models"].items():
            mlflow.log_metrics({f"{name}.{metric}": float(value) for metric, value in one.items()})
        mlflow.log_text(text, "card.md")
        mlflow.log_dict({"categories": trained["categories"], "threshold": found["threshold"]}, "scoring.json")
        for page in (evaluated["page"], runs.read(run_id, GATE)["page"]):
            mlflow.log_artifact(page, "pages")
        logged = mlflow.sklearn.log_model(
            model, name=MODEL, signature=infer_signature(example, model.predict_proba(example)), input_example=example,
            serialization_format="cloudpickle", pyfunc_predict_fn="predict_proba", pip_requirements=requirements(),
        )  # fmt: skip
    version = mlflow.register_model(logged.model_uri, MODEL, tags=tags)
    return client.update_model_version(MODEL, version.version, description=text)


def requirements() -> list[str]:
    """What the model needs to be loaded elsewhere, as it is here."""
    return [f"{name}=={installed(name)}" for name in ("cloudpickle", "lightgbm", "numpy", "pandas", "scikit-learn")]


def auc_on_test(version: ModelVersion, test: pd.DataFrame) -> float:
    """Of a registered version, on this run's test set."""
    model = mlflow.sklearn.load_model(f"models:/{MODEL}/{version.version}")
    return float(roc_auc_score(test[LABEL], model.predict_proba(test[list(FEATURES)])[:, 1]))


def run(run_id: str, margin: float) -> dict[str, Any]:
    trained, evaluated = runs.read(run_id, TRAIN), runs.read(run_id, EVALUATE)
    client = connect(settings())
    test = features.at(run_id, date.fromisoformat(trained["test_cutoff"]))
    version = of_run(client, MODEL, run_id) or log(client, run_id, test, trained, evaluated)
    client.set_registered_model_alias(MODEL, CHALLENGER, version.version)
    before = with_alias(client, MODEL, CHAMPION)
    rival = auc_on_test(before, test) if before is not None and before.version != version.version else None
    own = evaluated["models"][evaluated["chosen"]]["roc_auc"]
    won = before is None or before.version == version.version or better(own, rival, margin)
    if won:
        promote(client, MODEL, version.version)
    facts = {
        "version": int(version.version), "promoted": won, "roc_auc": own, "margin": margin,
        "champion_before": int(before.version) if before else None, "champion_before_roc_auc": rival,
    }  # fmt: skip
    runs.write(run_id, REGISTER, facts)
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(prog="spark_ml.churn.register", description="Register the run's model as the challenger.")
    parser.add_argument("--run-id", required=True, type=runs.run_id)
    parser.add_argument("--margin", type=float, default=churn.CHAMPION_MARGIN, help="of ROC AUC, by which a challenger must win")
    given = parser.parse_args()
    facts = run(given.run_id, given.margin)
    rival = facts["champion_before_roc_auc"]
    against = f"; the champion, version {facts['champion_before']}, has {rival:.4f}" if rival is not None else ""
    place = "champion" if facts["promoted"] else f"challenger only: not better by more than {facts['margin']}"
    print(f"version {facts['version']}: ROC AUC {facts['roc_auc']:.4f}{against}: {place}")


if __name__ == "__main__":
    sys.exit(exit_code("spark_ml.churn.register", main))

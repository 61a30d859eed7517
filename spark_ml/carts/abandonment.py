"""Explain abandoned carts: ``python -m spark_ml.carts.abandonment --run-id R [--margin 0.002]``.

XGBoost learns from the earlier four fifths of the finished sessions of the frozen cart_sessions and is judged on the rest. It
knows the cart as it lay at the end: it tells which finished sessions are like abandoned ones, and why. Beside it stands what
could have been foretold at the first addition, the ROC AUC of the same model on what was known then. The model is registered in
MLflow as ``cart_abandonment``, under the rules of champion and challenger; the sessions of the test days get score and
factors in ml.cart_scores. Writes VAR_DIR/runs/R/carts.json and VAR_DIR/reports/carts-R.html with the waterfalls of some.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import shap
from mlflow import MlflowClient
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from xgboost import XGBClassifier

from contracts import churn
from contracts.ml import CART_CATEGORIES, CART_NUMBERS, CART_NUMBERS_FIRST, CART_SCORES
from contracts.settings import settings
from lakehouse import clients, runs
from lakehouse.results import replace_run
from spark_ml.carts import report, sessions
from spark_ml.carts.sessions import FEATURES, KEY, LABEL
from spark_ml.churn.explain import factors
from spark_ml.pages import publish
from spark_ml.registry.champion import CHALLENGER, CHAMPION, RUN_TAG, better, of_run, promote, with_alias
from spark_ml.registry.client import code_version, connect, exit_code, experiment

MODEL, STEP = "cart_abandonment", "carts"
PARAMETERS = {"n_estimators": 200, "learning_rate": 0.06, "max_depth": 4, "min_child_weight": 20, "subsample": 0.8}


def make(seed: int, numbers: Sequence[str] = CART_NUMBERS) -> Pipeline:
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    prepare = ColumnTransformer(
        [("numbers", "passthrough", [*numbers]), ("words", words, [*CART_CATEGORIES])], verbose_feature_names_out=False
    )
    model = XGBClassifier(n_jobs=2, random_state=seed, tree_method="hist", **PARAMETERS)
    return Pipeline([("prepare", prepare.set_output(transform="pandas")), ("model", model)])


def contributions(model: Pipeline, rows: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """What each feature adds to the log odds of abandonment, a row a session; and what they start from."""
    prepared = model.named_steps["prepare"].transform(rows[[*FEATURES]])
    explained = shap.TreeExplainer(model.named_steps["model"])(prepared)
    values = pd.DataFrame(explained.values, columns=prepared.columns, index=rows.index)
    owner = {name: next((each for each in CART_CATEGORIES if name.startswith(f"{each}_")), name) for name in values.columns}
    return values.T.groupby(owner).sum().T[[*FEATURES]], float(np.ravel(explained.base_values)[0])


def judged(label: np.ndarray, score: np.ndarray) -> dict[str, float]:
    return {
        "roc_auc": float(roc_auc_score(label, score)),
        "pr_auc": float(average_precision_score(label, score)),
        "brier": float(brier_score_loss(label, score)),
    }


def foretold(parts: sessions.Split, seed: int) -> float:
    """ROC AUC of the same model on what is known at the first addition alone."""
    model = make(seed, CART_NUMBERS_FIRST).fit(parts.train[[*FEATURES]], parts.train[LABEL])
    return float(roc_auc_score(parts.test[LABEL], model.predict_proba(parts.test[[*FEATURES]])[:, 1]))


def register(
    client: MlflowClient, run_id: str, model: Pipeline, parts: sessions.Split, found: dict[str, Any], margin: float
) -> dict:
    """The run's version, made once; champion where it is better on these test days by the margin."""
    version = of_run(client, MODEL, run_id)
    if version is None:
        example = parts.test[[*FEATURES]].head(5)
        tags = {RUN_TAG: run_id, "snapshot_id": str(found["snapshot_id"]), "code_version": code_version()}
        tags |= {name: f"{value:.6f}" for name, value in found["metrics"].items()}
        with mlflow.start_run(experiment_id=experiment(MODEL), run_name=run_id, tags=tags):
            mlflow.log_params(PARAMETERS)
            mlflow.log_metrics(found["metrics"])
            mlflow.log_artifact(found["page"], "pages")
            logged = mlflow.sklearn.log_model(
                model, name=MODEL, signature=infer_signature(example, model.predict_proba(example)), input_example=example,
                serialization_format="cloudpickle", pyfunc_predict_fn="predict_proba",
            )  # fmt: skip
        version = mlflow.register_model(logged.model_uri, MODEL, tags=tags)
    client.set_registered_model_alias(MODEL, CHALLENGER, version.version)
    before, rival = with_alias(client, MODEL, CHAMPION), None
    if before is not None and before.version != version.version:
        old = mlflow.sklearn.load_model(f"models:/{MODEL}/{before.version}")
        rival = judged(parts.test[LABEL].to_numpy(), old.predict_proba(parts.test[[*FEATURES]])[:, 1])["roc_auc"]
    won = better(found["metrics"]["roc_auc"], rival, margin)
    if won:
        promote(client, MODEL, version.version)
    return {"version": int(version.version), "promoted": won, "champion_before_roc_auc": rival}


def run(run_id: str, margin: float, seed: int) -> dict[str, Any]:
    catalog, store, client = clients.catalog(settings()), clients.object_store(settings()), connect(settings())
    frozen = sessions.frozen(catalog, run_id)
    parts = sessions.split(frozen.sessions, frozen.name)
    model = make(seed).fit(parts.train[[*FEATURES]], parts.train[LABEL])
    score = model.predict_proba(parts.test[[*FEATURES]])[:, 1]
    values, base = contributions(model, parts.test)
    found = {
        "as_of": frozen.as_of, "snapshot_id": frozen.snapshot_id, "sessions": len(parts.test), "trained": len(parts.train),
        "abandoned": float(parts.test[LABEL].mean()), "metrics": judged(parts.test[LABEL].to_numpy(), score),
        "foretold_roc_auc": foretold(parts, seed),
    }  # fmt: skip
    found["page"] = str(
        publish(store, settings().bucket, STEP, run_id, report.page(run_id, found, parts.test, score, values, base))
    )
    found |= register(client, run_id, model, parts, found, margin)
    rows = pd.DataFrame(
        {
            "session_key": parts.test[KEY],
            "abandon_score": score.astype(float),
            "is_abandoned": parts.test[LABEL].astype(np.int32),
            "factors": factors(values, parts.test),
        }
    )
    computed_at = pd.Timestamp(datetime.now(UTC).replace(microsecond=0))
    shared = {"run_id": run_id, "as_of": date.fromisoformat(frozen.as_of), "computed_at": computed_at}
    replace_run(catalog, CART_SCORES, rows.assign(**shared), run_id, frozen.as_of)
    runs.write(run_id, STEP, found)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="spark_ml.carts.abandonment", description="Which carts were abandoned, and why.")
    parser.add_argument("--run-id", required=True, type=runs.run_id)
    parser.add_argument("--margin", type=float, default=churn.CHAMPION_MARGIN)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    found = run(given.run_id, given.margin, given.seed)
    metrics = ", ".join(f"{name} {value:.3f}" for name, value in found["metrics"].items())
    print(f"{found['sessions']:,} later sessions, {found['abandoned']:.1%} abandoned: {metrics}, by the whole session")
    print(f"foretold at the first addition: roc_auc {found['foretold_roc_auc']:.3f}")
    print(f"version {found['version']}: {'champion' if found['promoted'] else 'challenger only'}; {found['page']}")


if __name__ == "__main__":
    sys.exit(exit_code("spark_ml.carts.abandonment", main))

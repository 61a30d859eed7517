"""Judge the run's models on the test cutoff and write the report: ``python -m spark_ml.churn.evaluate --run-id R``.

The test customers' labels were not known to any model, nor to the choice among them, which goes by ROC AUC out of fold in
training: so the chosen one's figures are no best of several. Baselines are there to be beaten and are never chosen. Writes
VAR_DIR/runs/R/churn_evaluate.json and VAR_DIR/reports/churn-R.html.
"""

import argparse
import sys
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from contracts.churn import FEATURES, LABEL
from contracts.settings import settings
from lakehouse import clients, runs
from lakehouse.program import exit_code
from spark_ml.churn import explain, features, report
from spark_ml.churn.handed_on import EVALUATE, TRAIN, load
from spark_ml.churn.metrics import Economics, auc_interval, quality
from spark_ml.pages import publish

EXPLAINED = 600


def test_scores(run_id: str, trained: dict[str, Any], test: pd.DataFrame) -> dict[str, np.ndarray]:
    """Probability of churn on the test set by model and baseline."""
    models = {name: load(run_id, name).predict_proba(test[list(FEATURES)])[:, 1] for name in trained["models"]}
    return models | {name: load(run_id, name) for name in trained["baselines"]}


def evaluation(trained: dict[str, Any], label: np.ndarray, scores: dict[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    economics = Economics(**trained["economics"])
    known = trained["models"] | trained["baselines"]
    return {
        name: quality(label, score, known[name]["threshold"], economics).row() | {"train_seconds": known[name]["train_seconds"]}
        for name, score in scores.items()
    }


def choice(models: dict[str, dict[str, Any]]) -> str:
    """The model that tells best who churns among the training customers whom it had not seen."""
    return max(models, key=lambda model: models[model]["out_of_fold_roc_auc"])


def run(run_id: str) -> dict[str, Any]:
    trained, source = runs.read(run_id, TRAIN), features.source(run_id)
    test = features.at(run_id, date.fromisoformat(trained["test_cutoff"]))
    label = test[LABEL].to_numpy()
    scores = test_scores(run_id, trained, test)
    found = evaluation(trained, label, scores)
    chosen = choice(trained["models"])
    shown = test.sample(min(EXPLAINED, len(test)), random_state=trained["seed"])
    values = explain.contributions(load(run_id, chosen), shown, test)
    facts = {
        "chosen": chosen,
        "customers": len(label),
        "churned": int(label.sum()),
        "test_cutoff": trained["test_cutoff"],
        "roc_auc_interval": auc_interval(label, scores[chosen]),
        "importance": values.abs().mean().sort_values(ascending=False).round(5).to_dict(),
        "models": found,
    }
    text = report.page(run_id, source, trained, facts, label, scores, values, shown)
    facts["page"] = str(publish(clients.object_store(settings()), settings().bucket, "churn", run_id, text))
    runs.write(run_id, EVALUATE, facts)
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="spark_ml.churn.evaluate", description="Compare the models of churn on later customers."
    )
    parser.add_argument("--run-id", required=True, type=runs.run_id)
    facts = run(parser.parse_args().run_id)
    print(f"{facts['customers']:,} customers at {facts['test_cutoff']}, {facts['churned'] / facts['customers']:.1%} churned")
    for name, found in facts["models"].items():
        mark = "*" if name == facts["chosen"] else " "
        print(
            f"{mark} {name:<20} ROC AUC {found['roc_auc']:.3f}, PR AUC {found['pr_auc']:.3f}, Brier {found['brier']:.3f}, "
            f"top {found['top']:,}: precision {found['precision_at_top']:.1%}, profit {found['profit']:,.0f} EUR"
        )
    print(facts["page"])


if __name__ == "__main__":
    sys.exit(exit_code("spark_ml.churn.evaluate", main))

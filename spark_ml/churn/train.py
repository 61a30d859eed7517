"""Fit every candidate and baseline on the training cutoffs: ``python -m spark_ml.churn.train --run-id R [--trials 20 …]``.

Each candidate's parameters are searched on customers of the training cutoffs alone; the threshold from which on an offer pays
is found there as well, on probabilities of customers whom the model had not seen, and so is the ROC AUC by which one of them is
chosen. Models lie in VAR_DIR/runs/R/churn/, and the facts in VAR_DIR/runs/R/churn_train.json. Without the gate's verdict
nothing is trained.
"""

import argparse
import sys
import time
from datetime import date
from typing import Any

import pandas as pd
from sklearn.metrics import roc_auc_score

from contracts import churn
from contracts.churn import CATEGORIES, FEATURES, LABEL
from lakehouse import runs
from lakehouse.program import exit_code
from spark_ml.churn import features
from spark_ml.churn.baselines import BASELINES, TITLES
from spark_ml.churn.candidates import CANDIDATES, Candidate
from spark_ml.churn.handed_on import GATE, TRAIN, save
from spark_ml.churn.metrics import Economics
from spark_ml.churn.search import out_of_fold, sample, search

# A threshold and a ROC AUC are one number each: they take no more rows than these.
UNSEEN_ROWS = 30_000


def fit_candidate(candidate: Candidate, train: pd.DataFrame, given: argparse.Namespace, economics: Economics) -> dict[str, Any]:
    """Search, threshold and fit of one model; its facts."""
    began = time.monotonic()
    parameters = search(candidate, train, given.trials, given.search_seconds, given.seed)
    searched = time.monotonic()
    rows = sample(train, UNSEEN_ROWS, given.seed)
    label, unseen = rows[LABEL].to_numpy(), out_of_fold(candidate, parameters, rows, given.seed)
    threshold = economics.best_threshold(label, unseen)
    thresholded = time.monotonic()
    model = candidate.make(parameters, given.seed, len(train)).fit(train[list(FEATURES)], train[LABEL])
    save(given.run_id, candidate.name, model)
    return {
        "title": candidate.title,
        "parameters": parameters,
        "threshold": threshold,
        "out_of_fold_roc_auc": float(roc_auc_score(label, unseen)),
        "search_seconds": round(searched - began, 2),
        "train_seconds": round(time.monotonic() - thresholded, 2),
    }


def fit_baseline(
    name: str, train: pd.DataFrame, test: pd.DataFrame, given: argparse.Namespace, economics: Economics
) -> dict[str, Any]:
    """Nobody will score with it: what is kept are its probabilities on the test set."""
    began = time.monotonic()
    baseline = BASELINES[name](train, given.seed)
    seconds = round(time.monotonic() - began, 2)
    save(given.run_id, name, baseline.probability(test))
    threshold = economics.best_threshold(train[LABEL].to_numpy(), baseline.probability(train))
    return {"title": TITLES[name], "parameters": {}, "threshold": threshold, "search_seconds": 0.0, "train_seconds": seconds}


def run(given: argparse.Namespace) -> dict[str, Any]:
    source, accepted = features.source(given.run_id), runs.read(given.run_id, GATE)
    train = features.at(given.run_id, *map(date.fromisoformat, accepted["train_cutoffs"]))
    test = features.at(given.run_id, date.fromisoformat(accepted["test_cutoff"]))
    economics = Economics(given.customer_value, given.offer_cost, given.offer_success)
    facts = {
        "as_of": source["as_of"],
        "snapshot_id": source["snapshot_id"],
        "train_cutoffs": accepted["train_cutoffs"],
        "test_cutoff": accepted["test_cutoff"],
        "train_rows": len(train),
        "categories": {column: sorted(train[column].unique()) for column in CATEGORIES},
        "economics": vars(economics),
        "seed": given.seed,
        "trials": given.trials,
        "models": {each.name: fit_candidate(each, train, given, economics) for each in CANDIDATES},
        "baselines": {each: fit_baseline(each, train, test, given, economics) for each in BASELINES},
    }
    runs.write(given.run_id, TRAIN, facts)
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(prog="spark_ml.churn.train", description="Fit the models of churn and their baselines.")
    parser.add_argument("--run-id", required=True, type=runs.run_id)
    parser.add_argument("--trials", type=int, default=churn.SEARCH_TRIALS, help="draws of the search for each model; 0: none")
    parser.add_argument("--search-seconds", type=float, default=churn.SEARCH_SECONDS, help="no draw begins later, for each model")
    parser.add_argument("--customer-value", type=float, default=churn.CUSTOMER_VALUE, help="of a customer who stays, EUR")
    parser.add_argument("--offer-cost", type=float, default=churn.OFFER_COST, help="EUR")
    parser.add_argument(
        "--offer-success", type=float, default=churn.OFFER_SUCCESS, help="share of the leaving whom an offer keeps"
    )
    parser.add_argument("--seed", type=int, default=1)
    facts = run(parser.parse_args())
    print(f"{facts['train_rows']:,} rows of {', '.join(facts['train_cutoffs'])}; the test is {facts['test_cutoff']}")
    for found in (*facts["models"].values(), *facts["baselines"].values()):
        print(f"{found['title']:<24}search {found['search_seconds']:>6.1f} s, fit {found['train_seconds']:>6.1f} s")


if __name__ == "__main__":
    sys.exit(exit_code("spark_ml.churn.train", main))

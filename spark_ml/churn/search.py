"""Hyperparameters by Optuna within a stated budget, and probabilities for customers whom a model has not seen.

Folds are made of customers: at several cutoffs one is in the training set more than once, and never on both sides.
"""

import numpy as np
import optuna
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from contracts.churn import CUSTOMER, FEATURES, LABEL
from spark_ml.churn.candidates import Candidate, Parameters

FOLDS = 3
# A search compares parameters; more rows make it slower, hardly surer.
SEARCH_ROWS = 30_000


def out_of_fold(candidate: Candidate, parameters: Parameters, rows: pd.DataFrame, seed: int) -> np.ndarray:
    """Probability of churn of each row by a model fitted without its customer."""
    found = np.empty(len(rows))
    for fit, held_out in GroupKFold(FOLDS).split(rows, groups=rows[CUSTOMER]):
        model = candidate.make(parameters, seed, len(fit))
        model.fit(rows.iloc[fit][list(FEATURES)], rows.iloc[fit][LABEL])
        found[held_out] = model.predict_proba(rows.iloc[held_out][list(FEATURES)])[:, 1]
    return found


def search(candidate: Candidate, train: pd.DataFrame, trials: int, seconds: float, seed: int) -> Parameters:
    """The best by out-of-fold ROC AUC of ``trials`` draws, or of as many as began within ``seconds``; the usual ones for none."""
    if not trials:
        return candidate.usual
    rows = sample(train, SEARCH_ROWS, seed)

    def objective(trial: optuna.Trial) -> float:
        return float(roc_auc_score(rows[LABEL], out_of_fold(candidate, candidate.space(trial), rows, seed)))

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=trials, timeout=seconds)
    return candidate.space(optuna.trial.FixedTrial(study.best_params))


def sample(rows: pd.DataFrame, at_most: int, seed: int) -> pd.DataFrame:
    """Of the customers, all or none of their rows; about ``at_most`` rows."""
    if len(rows) <= at_most:
        return rows
    customers = rows[CUSTOMER].drop_duplicates().sample(frac=at_most / len(rows), random_state=seed)
    return rows[rows[CUSTOMER].isin(customers)]

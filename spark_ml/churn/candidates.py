"""The models that are compared: a pipeline each, what is searched in it, and what it is where nothing is searched."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from lightgbm import LGBMClassifier
from optuna import Trial
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from contracts.churn import AMOUNTS, CATEGORIES, COUNTS, NUMERIC, SHARES, TRENDS

CORES = 2
# Rows that each tree of the forest draws at most: the time of a tree, whatever the number of customers.
ROWS_PER_TREE = 10_000
Parameters = dict[str, Any]


@dataclass(frozen=True)
class Candidate:
    """``make`` takes parameters, a seed and the number of rows to come; ``space`` draws parameters in a trial of the search."""

    name: str
    title: str
    make: Callable[[Parameters, int, int], Pipeline]
    usual: Parameters
    space: Callable[[Trial], Parameters]


def encoder() -> OneHotEncoder:
    """A category that the training set did not have is refused before; here it is no category at all."""
    return OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float64)


def scaled() -> ColumnTransformer:
    """For linear models: counts and amounts by their logarithm, everything standardised."""
    logged = Pipeline([("log", FunctionTransformer(np.log1p, feature_names_out="one-to-one")), ("scale", StandardScaler())])
    return ColumnTransformer(
        [
            ("logged", logged, [*COUNTS, *AMOUNTS]),
            ("plain", StandardScaler(), [*SHARES, *TRENDS]),
            ("words", encoder(), [*CATEGORIES]),
        ],
        verbose_feature_names_out=False,
    )


def raw() -> ColumnTransformer:
    """For trees, which do not care for scales."""
    return ColumnTransformer(
        [("numbers", "passthrough", [*NUMERIC]), ("words", encoder(), [*CATEGORIES])], verbose_feature_names_out=False
    )


def pipeline(preparation: ColumnTransformer, model: BaseEstimator) -> Pipeline:
    # Named columns go from step to step, so that explanations can name them.
    return Pipeline([("prepare", preparation.set_output(transform="pandas")), ("model", model)])


def logistic(parameters: Parameters, seed: int, rows: int) -> Pipeline:
    return pipeline(scaled(), LogisticRegression(max_iter=300, random_state=seed, **parameters))


def forest(parameters: Parameters, seed: int, rows: int) -> Pipeline:
    share = min(1.0, ROWS_PER_TREE / rows)
    return pipeline(raw(), RandomForestClassifier(max_samples=share, n_jobs=CORES, random_state=seed, **parameters))


def boosted(parameters: Parameters, seed: int, rows: int) -> Pipeline:
    fixed = {"subsample_freq": 1, "n_jobs": CORES, "random_state": seed, "verbose": -1}
    return pipeline(raw(), LGBMClassifier(deterministic=True, force_row_wise=True, **fixed, **parameters))


CANDIDATES = (
    Candidate(
        "logistic_regression", "Logistic regression", logistic, {"C": 0.3},
        lambda trial: {"C": trial.suggest_float("C", 1e-3, 10, log=True)},
    ),
    Candidate(
        "random_forest", "Random forest", forest,
        {"n_estimators": 80, "max_depth": 12, "min_samples_leaf": 20, "max_features": 0.3},
        lambda trial: {
            "n_estimators": 80,
            "max_depth": trial.suggest_int("max_depth", 5, 16),
            "min_samples_leaf": trial.suggest_int("min_samples_leaf", 5, 100, log=True),
            "max_features": trial.suggest_float("max_features", 0.1, 0.6),
        },
    ),
    Candidate(
        "lightgbm", "LightGBM", boosted,
        {
            "n_estimators": 100, "learning_rate": 0.08, "max_depth": 4, "num_leaves": 15, "min_child_samples": 50,
            "reg_lambda": 1.0, "subsample": 0.8, "colsample_bytree": 0.6,
        },
        lambda trial: {
            "n_estimators": trial.suggest_int("n_estimators", 50, 200, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.2, log=True),
            # The time of a reason grows with the leaves and with the square of the depth.
            "max_depth": trial.suggest_int("max_depth", 3, 6),
            "num_leaves": trial.suggest_int("num_leaves", 4, 31, log=True),
            "min_child_samples": trial.suggest_int("min_child_samples", 10, 200, log=True),
            "reg_lambda": trial.suggest_float("reg_lambda", 1e-2, 30, log=True),
            "subsample": 0.8,
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 1.0),
        },
    ),
)  # fmt: skip
BY_NAME = {candidate.name: candidate for candidate in CANDIDATES}

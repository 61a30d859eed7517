"""Why a model says what it says: SHAP values in the model's own units, added up to the features people know.

Lundberg and Lee, A Unified Approach to Interpreting Model Predictions, NIPS 2017; exact for trees and for linear models. For each
of many customers a forest's are taken by what each split on the customer's way down changed (Saabas, Interpreting random forests,
2014): they add up to the same, in time that does not grow with the leaves. How that compares: docs/decisions/0030.
"""

import warnings

import numpy as np
import pandas as pd
import shap
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from contracts.churn import CATEGORIES, FEATURES

BACKGROUND = 500


def contributions(model: Pipeline, rows: pd.DataFrame, background: pd.DataFrame, many: bool = False) -> pd.DataFrame:
    """One column a feature, one row a customer: what it adds to the log odds (the forest: to the probability) of churn.

    ``many``: rows without number, for which a forest's way down must do.
    """
    prepared = model.named_steps["prepare"].transform(rows[list(FEATURES)])
    final = model.named_steps["model"]
    if isinstance(final, LogisticRegression):
        reference = model.named_steps["prepare"].transform(background[list(FEATURES)].head(BACKGROUND))
        values = shap.LinearExplainer(final, reference).shap_values(prepared)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of the shape, which is handled below
            by_way_down = many and isinstance(final, RandomForestClassifier)
            values = shap.TreeExplainer(final).shap_values(prepared, check_additivity=False, approximate=by_way_down)
    values = np.asarray(values)
    # Older forests give one layer for each class: the last one is churn.
    values = values[..., -1] if values.ndim == 3 else values
    return by_feature(pd.DataFrame(values, columns=prepared.columns, index=rows.index))


def by_feature(values: pd.DataFrame) -> pd.DataFrame:
    """The columns of one category together: ``device_mobile`` and its like are ``device``."""

    def owner(column: str) -> str:
        return column if column in FEATURES else next(name for name in CATEGORIES if column.startswith(f"{name}_"))

    summed = values.T.groupby([owner(column) for column in values.columns]).sum().T
    return summed[[name for name in FEATURES if name in summed]]


def factors(values: pd.DataFrame, rows: pd.DataFrame, many: int = 3) -> list[str]:
    """Each row's strongest contributions in words: ``recency_days = 83 (+)``; + towards churn, - against it."""
    names, matrix = values.columns.to_numpy(), values.to_numpy()
    strongest = np.argsort(-np.abs(matrix), axis=1, kind="stable")[:, :many]
    shown = rows[list(names)].to_numpy(dtype=object)
    return [
        ", ".join(f"{names[at]} = {short(shown[row, at])} ({'+' if matrix[row, at] > 0 else '-'})" for at in places)
        for row, places in enumerate(strongest)
    ]


def short(value: object) -> str:
    """A feature's value for people."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)

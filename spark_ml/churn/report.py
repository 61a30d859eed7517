"""The report of a churn run as one page with its plots inside. Pure."""

from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pandas as pd

from contracts.churn import LABEL_DAYS
from contracts.lake import CHURN_FEATURES
from spark_ml.churn import plots
from spark_ml.pages import STYLE

PAGE = Path(__file__).with_name("report.html")
COLUMNS = (
    ("roc_auc", "ROC AUC", ".3f"), ("pr_auc", "PR AUC", ".3f"), ("precision_at_top", "precision, top", ".1%"),
    ("recall_at_top", "recall, top", ".1%"), ("f1", "F1", ".3f"), ("brier", "Brier", ".4f"), ("threshold", "offer from", ".3f"),
    ("profit", "profit, EUR", ",.0f"), ("train_seconds", "fit, s", ".1f"),
)  # fmt: skip


def page(
    run_id: str, source: dict[str, Any], trained: dict[str, Any], facts: dict[str, Any], label: np.ndarray,
    scores: dict[str, np.ndarray], values: pd.DataFrame, shown: pd.DataFrame,
) -> str:  # fmt: skip
    """``values``: contributions for the rows ``shown`` of the test set."""
    known = trained["models"] | trained["baselines"]
    chosen, economics = facts["chosen"], trained["economics"]
    by_title = {known[name]["title"]: score for name, score in scores.items()}
    low, high = facts["roc_auc_interval"]
    return Template(PAGE.read_text()).substitute(
        style=STYLE,
        run_id=escape(run_id),
        as_of=trained["as_of"],
        label_days=LABEL_DAYS,
        source=CHURN_FEATURES.identifier,
        snapshot_id=source["snapshot_id"],
        test_cutoff=facts["test_cutoff"],
        train_cutoffs=", ".join(trained["train_cutoffs"]),
        train_rows=f"{trained['train_rows']:,}",
        customers=f"{facts['customers']:,}",
        churned=f"{facts['churned'] / facts['customers']:.1%}",
        chosen=escape(known[chosen]["title"]),
        unseen=f"{trained['models'][chosen]['out_of_fold_roc_auc']:.3f}",
        auc=f"{facts['models'][chosen]['roc_auc']:.3f}",
        interval=f"{low:.3f} to {high:.3f}",
        top=f"{facts['models'][chosen]['top']:,}",
        trials=trained["trials"],
        parameters=escape(", ".join(f"{name} = {value}" for name, value in trained["models"][chosen]["parameters"].items())),
        head="".join(f"<th class=n>{escape(title)}</th>" for _, title, _ in COLUMNS),
        rows="".join(_row(known[name]["title"], found, name == chosen) for name, found in facts["models"].items()),
        curves=plots.curves(label, by_title),
        calibration=plots.calibration(label, by_title),
        profit=plots.profit(
            label, scores[chosen], facts["models"][chosen]["threshold"],
            economics["offer_success"] * economics["customer_value"], economics["offer_cost"],
        ),
        economics=(
            f"A customer who stays is worth {economics['customer_value']:g} EUR, an offer costs {economics['offer_cost']:g} EUR "
            f"and keeps {economics['offer_success']:.0%} of those who would leave."
        ),
        explained=f"{len(shown):,}",
        importance=plots.importance(values, shown),
    )  # fmt: skip


def _row(title: str, found: dict[str, Any], chosen: bool) -> str:
    cells = "".join(f"<td class=n>{found[name]:{form}}</td>" for name, _, form in COLUMNS)
    name = f"<b>{escape(title)}</b>" if chosen else escape(title)
    return f"<tr><td>{name}</td>{cells}</tr>"

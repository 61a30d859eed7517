"""Plots of an evaluation as SVG text."""

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from spark_ml.churn.metrics import reliability
from spark_ml.plots import GRID, INK, MUTED, PALETTE, STYLE, svg

MOST_FEATURES = 15
CURVE_POINTS = 300


def curves(label: np.ndarray, scores: Mapping[str, np.ndarray]) -> str:
    """ROC and precision against recall, a line for each model."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 4.2), layout="constrained")
        roc, recall = figure.subplots(1, 2)
        for colour, (title, score) in zip(PALETTE, scores.items(), strict=False):
            false, true, _ = roc_curve(label, score)
            precise, found, _ = precision_recall_curve(label, score)
            for axes, x, y in ((roc, false, true), (recall, found, precise)):
                shown = np.unique(np.linspace(0, len(x) - 1, CURVE_POINTS).astype(int))
                axes.plot(x[shown], y[shown], color=colour, linewidth=1.6, label=title)
        roc.plot([0, 1], [0, 1], color=GRID)
        _named(roc, "Found among the churned against alarmed among the others (ROC)", "false positive rate", "true positive rate")
        _named(recall, "Precision against recall", "recall", "precision")
        roc.legend(frameon=False, fontsize=9)
        return svg(figure)


def calibration(label: np.ndarray, scores: Mapping[str, np.ndarray]) -> str:
    """Share of churned per tenth of the customers against the probability they were given."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.4, 4.2), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=GRID)
        for colour, (title, score) in zip(PALETTE, scores.items(), strict=False):
            mean, share = reliability(label, score)
            axes.plot(mean, share, color=colour, marker="o", markersize=4, linewidth=1.4, label=title)
        _named(axes, "Reliability", "mean probability", "share of churned")
        axes.legend(frameon=False, fontsize=9)
        return svg(figure)


def profit(label: np.ndarray, score: np.ndarray, threshold: float, saved: float, cost: float) -> str:
    """Profit by how many customers get an offer, the riskiest first; the threshold is marked."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.4, 4.2), layout="constrained")
        axes = figure.subplots()
        gains = np.cumsum(saved * label[np.argsort(-score, kind="stable")] - cost)
        shown = np.unique(np.linspace(0, len(gains) - 1, CURVE_POINTS).astype(int))
        axes.plot(shown + 1, gains[shown], color=PALETTE[0], linewidth=1.6)
        offered = int((score >= threshold).sum())
        axes.axvline(offered, color=PALETTE[1])
        axes.annotate(f" {offered:,} offers", (offered, 0), color=INK, fontsize=9)
        _named(axes, "Profit of offers, EUR", "customers with an offer", "")
        return svg(figure)


def importance(values: pd.DataFrame, rows: pd.DataFrame) -> str:
    """SHAP summary: the strongest features, a dot a customer, coloured by the rank of the feature's value."""
    strongest = values.abs().mean().sort_values(ascending=False).head(MOST_FEATURES).index
    random = np.random.default_rng(0)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 0.36 * len(strongest) + 1), layout="constrained")
        axes = figure.subplots()
        for place, name in enumerate(reversed(strongest)):
            ranked = pd.Series(pd.factorize(rows[name], sort=True)[0]).rank(pct=True)
            jitter = place + random.uniform(-0.3, 0.3, len(values))
            axes.scatter(values[name], jitter, c=ranked, cmap="coolwarm", s=5, alpha=0.6, linewidths=0, rasterized=True)
        axes.set_yticks(range(len(strongest)), list(reversed(strongest)), color=INK)
        axes.axvline(0, color=MUTED, linewidth=0.8)
        axes.set_xlabel("moves the prediction down   ←   →   up")
        axes.set_title("Red: a high value of the feature, blue: a low one", loc="left", fontsize=10, color=INK)
        return svg(figure)


def _named(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(color=GRID)
    axes.set_axisbelow(True)

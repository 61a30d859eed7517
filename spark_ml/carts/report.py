"""The report on carts as one page: what moves the model, and the waterfalls of some sessions. Pure."""

from html import escape
from pathlib import Path
from string import Template
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from contracts.lake import CART_SESSIONS
from spark_ml.carts.sessions import KEY
from spark_ml.churn import plots
from spark_ml.churn.explain import short
from spark_ml.pages import STYLE
from spark_ml.plots import GRID, INK, PALETTE, svg
from spark_ml.plots import STYLE as PLOT_STYLE

PAGE = Path(__file__).with_name("report.html")
SESSION_PAGE = Path(__file__).with_name("session.html")
BARS = 9
EXPLAINED = 2000


def page(run_id: str, found: dict[str, Any], test: pd.DataFrame, score: np.ndarray, values: pd.DataFrame, base: float) -> str:
    """``values``: contributions to the log odds of each test session, which start from ``base``."""
    order = np.argsort(score)
    shown = [int(order[-1]), int(order[len(order) // 2]), int(order[0])]
    sample = test.sample(min(EXPLAINED, len(test)), random_state=0).index
    return Template(PAGE.read_text()).substitute(
        style=STYLE,
        run_id=escape(run_id),
        as_of=found["as_of"],
        source=CART_SESSIONS.identifier,
        snapshot_id=found["snapshot_id"],
        sessions=f"{found['sessions']:,}",
        trained=f"{found['trained']:,}",
        abandoned=f"{found['abandoned']:.1%}",
        auc=f"{found['metrics']['roc_auc']:.3f}",
        foretold=f"{found['foretold_roc_auc']:.3f}",
        brier=f"{found['metrics']['brier']:.3f}",
        importance=plots.importance(values.loc[sample], test.loc[sample]),
        waterfalls="".join(
            f"<section><h2>Session {escape(str(test[KEY].iloc[place]))}: {score[place]:.0%}</h2>"
            f"{waterfall(values.iloc[place], test.iloc[place], base)}</section>"
            for place in shown
        ),
    )


def session_page(key: str, score: float, said: str, run_id: str, values: pd.Series, row: pd.Series, base: float) -> str:
    """One session's waterfall by itself; ``said``: what became of it."""
    return Template(SESSION_PAGE.read_text()).substitute(
        style=STYLE,
        key=escape(key),
        score=f"{score:.1%}",
        said=said,
        run_id=escape(run_id),
        waterfall=waterfall(values, row, base),
    )


def waterfall(values: pd.Series, row: pd.Series, base: float) -> str:
    """From the average session to this one, log odds; the features that add little are one bar."""
    order = values.abs().sort_values(ascending=False).index
    steps = [(f"{name} = {short(row[name])}", values[name]) for name in order]
    steps = [*steps[:BARS], ("all others", sum(value for _, value in steps[BARS:]))]
    with mpl.rc_context(PLOT_STYLE):
        figure = Figure(figsize=(11, 0.36 * len(steps) + 0.8), layout="constrained")
        axes, at = figure.subplots(), base
        for place, (_, value) in enumerate(steps):
            axes.barh(place, value, left=at, height=0.6, color=PALETTE[3] if value > 0 else PALETTE[0])
            axes.text(
                at + value, place, f" {value:+.2f}", va="center", ha="left" if value > 0 else "right", fontsize=9, color=INK
            )
            at += value
        axes.axvline(base, color=GRID)
        axes.set_yticks(range(len(steps)), [name for name, _ in steps], color=INK)
        axes.invert_yaxis()
        axes.use_sticky_edges = False
        axes.margins(x=0.15)
        axes.set_xlabel(f"log odds of abandonment, from {base:+.2f} of the average session to {at:+.2f}")
        return svg(figure)

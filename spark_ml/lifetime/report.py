"""The report on lifetime value as one page. Pure."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from contracts.lake import CLV_SUMMARY
from spark_ml.pages import STYLE
from spark_ml.plots import GRID, PALETTE, svg
from spark_ml.plots import STYLE as PLOT_STYLE

PAGE = Path(__file__).with_name("report.html")
MEANINGS = {
    "r": "shape of the purchase rates", "alpha": "rate of the purchase rates, days",
    "a": "of leaving, Beta", "b": "of staying, Beta",
    "p": "shape of a customer's values", "q": "shape of the customers' scales", "v": "rate of the customers' scales, EUR",
}  # fmt: skip


def page(run_id: str, facts: dict[str, Any], groups: Mapping[str, pd.DataFrame], found: pd.DataFrame) -> str:
    """``groups``: means foretold and actual in the holdout, by purchases and value."""
    held = facts["holdout"]
    return Template(PAGE.read_text()).substitute(
        style=STYLE,
        run_id=escape(run_id),
        as_of=facts["as_of"],
        snapshot_id=facts["snapshot_id"],
        source=CLV_SUMMARY.identifier,
        customers=f"{facts['customers']:,}",
        value=f"{facts['value_12m']:,.0f}",
        alive=f"{found['p_alive'].mean():.1%}",
        purchases=f"{found['purchases_12m'].sum():,.0f}",
        parameters="".join(
            f"<tr><td>{name}</td><td>{MEANINGS[name]}</td><td class=n>{one['estimate']:.3f}</td>"
            f"<td class=n>{one['low']:.3f} to {one['high']:.3f}</td></tr>"
            for name, one in facts["parameters"].items()
        ),
        days=held["days"],
        held_customers=f"{held['customers']:,}",
        errors="".join(
            f"<tr><td>{what}</td><td class=n>{held[what]['mae']:.3f}</td><td class=n>{held[what]['bias']:+.1%}</td>"
            f"<td class=n>{held[what]['rank']:.3f}</td></tr>"
            for what in groups
        ),
        holdout=against(groups),
    )


def against(groups: Mapping[str, pd.DataFrame]) -> str:
    """Predicted against actual, a point for each tenth of the customers."""
    with mpl.rc_context(PLOT_STYLE):
        figure = Figure(figsize=(11, 4.2), layout="constrained")
        for axes, (what, means) in zip(figure.subplots(1, len(groups)), groups.items(), strict=True):
            most = float(means.to_numpy().max())
            axes.plot([0, most], [0, most], color=GRID)
            axes.plot(means["foretold"], means["actual"], "o", color=PALETTE[0])
            axes.set_title(f"{what.capitalize()} a customer", loc="left", fontsize=10)
            axes.set_xlabel("foretold")
            axes.set_ylabel("actual")
        return svg(figure)

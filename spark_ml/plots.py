"""Plots of a segmentation as SVG text, for inlining in a page. Pure: the same numbers give the same text."""

import io
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from contracts.events import CURRENCY

# Twelve colours: the most segments that a run may have.
PALETTE = (
    "#3b6fb6",
    "#e08a2e",
    "#3f9b6c",
    "#c5483f",
    "#7d5fb2",
    "#8a6546",
    "#d477b0",
    "#7a7f87",
    "#a9ac2b",
    "#2fa8b5",
    "#1f3b63",
    "#7b2d3b",
)
INK, MUTED, GRID = "#1f2933", "#7b8794", "#e4e7eb"
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "segments",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}
STRONGEST = 2.0
FEW_POINTS = 1000
TICKS = 6


def svg(figure: Figure) -> str:
    """The <svg> element alone, as wide as its place."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True, bbox_inches="tight")
    return buffer.getvalue()[buffer.getvalue().index("<svg") :]


def colours(segments: Sequence[int]) -> dict[int, str]:
    """Of each segment one of its own, by its number: the same in every run, as long as there are no more than colours."""
    taken: dict[int, str] = {}
    for segment in sorted(segments):
        turned = [PALETTE[(segment - 1 + step) % len(PALETTE)] for step in range(len(PALETTE))]
        taken[segment] = next((colour for colour in turned if colour not in taken.values()), turned[0])
    return taken


def selection(
    ks: Sequence[int], silhouettes: Sequence[float], stabilities: Mapping[str, Sequence[float]], bar: float, chosen: int
) -> str:
    """Silhouette, and adjusted Rand indices with the ``bar`` from which they count as stable, by number of clusters."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.8, 2.9), layout="constrained")
        quality, stability = figure.subplots(1, 2)
        quality.plot(ks, silhouettes, color=PALETTE[0], marker="o", markersize=5, linewidth=1.8)
        best = silhouettes[list(ks).index(chosen)]
        quality.plot([chosen], [best], "o", color=PALETTE[1], markersize=10, zorder=3)
        quality.annotate(f"k = {chosen}", (chosen, best), textcoords="offset points", xytext=(0, 11), ha="center", weight="bold")
        quality.margins(0.12, 0.25)
        for (name, values), colour in zip(stabilities.items(), (PALETTE[0], PALETTE[2]), strict=True):
            stability.plot(ks, values, color=colour, marker="o", markersize=5, linewidth=1.8, label=name)
        stability.axhline(bar, color=MUTED, linewidth=1, linestyle="--")
        stability.set_ylim(min(0.0, *(min(values) for values in stabilities.values())), 1.08)
        stability.legend(frameon=False, fontsize=9)
        for axes, title in ((quality, "Silhouette"), (stability, "Stability: adjusted Rand index")):
            axes.set_title(title, loc="left", fontsize=10, color=INK)
            axes.set_xticks(list(ks))
            axes.set_xlabel("number of clusters")
            axes.grid(axis="y", color=GRID)
            axes.set_axisbelow(True)
        return svg(figure)


def trend(runs: Sequence[str], names: Mapping[int, str], customers: np.ndarray, revenue: np.ndarray) -> str:
    """Customers and net revenue of each segment (row, as ``names``) over the runs (column); NaN where it is not in a run."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 3.4), layout="constrained")
        of = colours(list(names))
        for axes, values, title in zip(
            figure.subplots(1, 2), (customers, revenue), ("Customers", f"Net revenue, {CURRENCY}"), strict=True
        ):
            for (segment, name), line in zip(names.items(), values, strict=True):
                axes.plot(range(len(runs)), line, color=of[segment], marker="o", markersize=5, linewidth=1.8, label=name)
            shown = np.unique(np.linspace(0, len(runs) - 1, min(len(runs), TICKS)).round().astype(int))
            axes.set_xticks(shown, [runs[at] for at in shown])
            axes.set_title(title, loc="left", fontsize=10, color=INK)
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
            axes.set_ylim(bottom=min(0.0, np.nanmin(values)))
            axes.margins(x=0.06)
            axes.grid(axis="y", color=GRID)
            axes.set_axisbelow(True)
        figure.legend(*axes.get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=5)
        return svg(figure)


def heat_map(segments: Sequence[str], features: Sequence[str], positions: np.ndarray) -> str:
    """Centre of each segment (row) per feature (column), in standard deviations from the mean customer."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 0.5 * len(segments) + 0.9), layout="constrained")
        axes = figure.subplots()
        axes.imshow(positions, cmap="RdBu_r", norm=TwoSlopeNorm(0, -STRONGEST, STRONGEST), aspect="auto")
        for (row, column), value in np.ndenumerate(positions):
            colour = "white" if abs(value) > 0.65 * STRONGEST else INK
            axes.text(column, row, f"{round(value, 1) + 0.0:+.1f}", ha="center", va="center", color=colour)
        axes.set_xticks(range(len(features)), [textwrap.fill(feature, 16) for feature in features])
        axes.xaxis.tick_top()
        axes.set_yticks(range(len(segments)), segments, color=INK)
        axes.set_xticks(np.arange(-0.5, len(features)), minor=True)
        axes.set_yticks(np.arange(-0.5, len(segments)), minor=True)
        axes.grid(which="minor", color="white", linewidth=2)
        axes.tick_params(which="both", length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return svg(figure)


def sizes(names: Mapping[int, str], shares: Sequence[float], revenue_shares: Sequence[float]) -> str:
    """Share of customers and of revenue, a pair of bars a segment."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.8, 0.55 * len(names) + 0.7), layout="constrained")
        axes, of = figure.subplots(), colours(list(names))
        at = np.arange(len(names))
        axes.barh(at - 0.19, shares, 0.36, color=[of[segment] for segment in names])
        axes.barh(at + 0.19, revenue_shares, 0.36, color=[of[segment] for segment in names], alpha=0.45)
        for row, (share, revenue) in enumerate(zip(shares, revenue_shares, strict=True)):
            axes.text(share, row - 0.19, f" {share:.1%} of customers", va="center", fontsize=9)
            axes.text(revenue, row + 0.19, f" {revenue:.1%} of revenue", va="center", fontsize=9, color=MUTED)
        axes.set_yticks(at, names.values(), color=INK)
        axes.invert_yaxis()
        axes.set_xlim(0, 1.25 * max(*shares, *revenue_shares))
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(length=0)
        return svg(figure)


def projection(points: np.ndarray, of_segment: np.ndarray, names: Mapping[int, str], explained: Sequence[float]) -> str:
    """Customers on the two directions of greatest variance, coloured by segment."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 4.8), layout="constrained")
        axes, of = figure.subplots(), colours(list(names))
        # The fewer the points, the larger and the more opaque.
        size, opacity = (30, 0.8) if len(points) < FEW_POINTS else (9, 0.45)
        for segment, name in names.items():
            mine = points[of_segment == segment]
            axes.scatter(
                mine[:, 0],
                mine[:, 1],
                s=size,
                color=of[segment],
                alpha=opacity,
                linewidths=0,
                label=name,
                rasterized=True,
            )
        for axis, share, which in zip((axes.xaxis, axes.yaxis), explained, ("first", "second"), strict=True):
            axis.set_label_text(f"{which} component, {share:.0%} of the variance")
        axes.grid(color=GRID)
        axes.set_axisbelow(True)
        legend = axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.11), ncols=6, markerscale=2.5)
        for handle in legend.legend_handles:
            handle.set_alpha(1)
        return svg(figure)

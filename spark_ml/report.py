"""A run's segments as one page with its plots inside: ``python -m spark_ml.report --run-id R``.

Written to VAR_DIR/reports/segments-R.html and segments-latest.html, and to ``reports/`` in the lake's bucket.
"""

import argparse
import sys
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pandas as pd
from pyiceberg.catalog import Catalog
from pyiceberg.expressions import EqualTo

from contracts.lake import CUSTOMER_FEATURES
from contracts.ml import (
    CUSTOMER_KEY,
    CUSTOMER_SEGMENTS,
    K_SELECTION,
    SEGMENT_FEATURES,
    SEGMENT_INPUTS,
    SEGMENT_PROFILES,
    ResultTable,
)
from contracts.settings import settings
from lakehouse import clients, runs
from lakehouse.errors import LakeError
from lakehouse.program import exit_code
from spark_ml import plots
from spark_ml.choice import NEAR
from spark_ml.pages import STYLE, publish
from spark_ml.stability import STABLE_FROM

PAGE = Path(__file__).parent / "report.html"
SAMPLE = 4000
# Runs in the trend, and outliers of a feature that are named.
LONGEST = 24
FARTHEST = 3
LABELS = {feature.name: feature.label for feature in SEGMENT_FEATURES}
UNITS = {feature.name: feature.unit for feature in SEGMENT_FEATURES}


def rows_of_run(catalog: Catalog, table: ResultTable, run_id: str) -> pd.DataFrame:
    """In the order of the table's key. LakeError where the run has none."""
    if catalog.table_exists(table.identifier):
        frame = catalog.load_table(table.identifier).scan(row_filter=EqualTo("run_id", run_id)).to_pandas()
        if len(frame):
            return frame.sort_values(list(table.key), ignore_index=True)
    raise LakeError(f"{table.identifier} has no rows of run {run_id}: run spark_ml.segments first")


def frozen_features(catalog: Catalog, snapshot_id: int) -> pd.DataFrame:
    table = catalog.load_table(CUSTOMER_FEATURES.identifier)
    if table.snapshot_by_id(snapshot_id) is None:
        raise LakeError(f"{CUSTOMER_FEATURES.identifier} has no snapshot {snapshot_id}: it has expired")
    return table.scan(snapshot_id=snapshot_id, selected_fields=(CUSTOMER_KEY, *LABELS)).to_pandas()


def prepared(data: pd.DataFrame, used: list[dict[str, Any]]) -> np.ndarray:
    """The features as the clustering saw them: filled, clipped to their bounds, logged, standardised."""
    columns = []
    for feature in used:
        values = data[feature["name"]].to_numpy(dtype=float)
        values = np.where(np.isfinite(values), values, feature["median"])
        values = np.clip(values, *feature["bounds"]) if feature["bounds"] else values
        columns.append(np.log1p(values) if feature["logged"] else values)
    matrix = np.column_stack(columns)
    deviation = matrix.std(axis=0)
    return (matrix - matrix.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)


def projected(matrix: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Coordinates on the two principal components, and the share of the variance that each explains.

    The signs are fixed by the largest weight, so that the picture does not flip between runs.
    """
    if matrix.shape[1] == 1:
        matrix = np.column_stack([matrix, np.zeros(len(matrix))])
    values, vectors = np.linalg.eigh(np.cov(matrix, rowvar=False))
    values, vectors = values[::-1], vectors[:, ::-1]
    axes = vectors[:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    return matrix @ axes, list(values[:2] / values.sum())


def named(profiles: pd.DataFrame) -> dict[int, str]:
    """Name by segment, in the order of the rows."""
    return dict(zip(profiles["segment"], profiles["segment_name"], strict=True))


def drawings(
    facts: dict[str, Any], tried: pd.DataFrame, profiles: pd.DataFrame, assigned: pd.DataFrame, data: pd.DataFrame
) -> dict[str, str]:
    names = named(profiles)
    used = [feature["name"] for feature in facts["features"]]
    positions = np.array([[facts["positions"][str(segment)][name] for name in used] for segment in names])
    together = data.merge(assigned[[CUSTOMER_KEY, "segment"]], on=CUSTOMER_KEY, validate="one_to_one").sort_values(CUSTOMER_KEY)
    points, explained = projected(prepared(together, facts["features"]))
    shown = np.random.default_rng(0).permutation(len(points))[:SAMPLE]
    stabilities = {"other seeds": list(tried["seed_stability"]), "other samples": list(tried["bootstrap_stability"])}
    return {
        "selection": plots.selection(list(tried["k"]), list(tried["silhouette"]), stabilities, STABLE_FROM, facts["k"]),
        "heat_map": plots.heat_map(list(names.values()), [LABELS[name] for name in used], positions),
        "sizes": plots.sizes(names, list(profiles["share"]), list(profiles["revenue_share"])),
        "projection": plots.projection(points[shown], together["segment"].to_numpy()[shown], names, explained),
        "shown": f"{len(shown):,}",
    }


def chain(profiles: pd.DataFrame, run_id: str) -> pd.DataFrame:
    """Of the profiles of all runs those of this one and of the runs that its numbers come from, the oldest first."""
    before = profiles.groupby("run_id")["previous_run"].first()
    runs_of_chain = [run_id]
    while len(runs_of_chain) < LONGEST and (earlier := before.get(runs_of_chain[-1])) and earlier in before.index:
        runs_of_chain.append(earlier)
    place = {run: number for number, run in enumerate(reversed(runs_of_chain))}
    mine = profiles[profiles["run_id"].isin(place)]
    return mine.assign(place=mine["run_id"].map(place)).sort_values(["place", "segment"], ignore_index=True)


def trend(history: pd.DataFrame) -> str:
    """Size and value over the runs of a chain, under the newest name of each segment."""
    if history["place"].nunique() == 1:
        return "<p>This is the first run: the next one will show what has changed.</p>"
    names = history.groupby("segment")["segment_name"].last().to_dict()
    days = history.groupby("place")["as_of"].first().map(str)
    grids = (history.pivot(index="segment", columns="place", values=what) for what in ("customers", "revenue"))
    return plots.trend(list(days), names, *(grid.loc[list(names)].to_numpy(dtype=float) for grid in grids))


def moves(assigned: pd.DataFrame, names: dict[int, str], before: dict[int, str]) -> str:
    """Customers by their segment in the run before (row) and now (column)."""
    if not before:
        return ""
    table = pd.crosstab(assigned["previous_segment"], assigned["segment"]).reindex(columns=list(names), fill_value=0)
    head = "".join(f"<th class=n>{escape(name)}</th>" for name in names.values())
    body = "".join(
        f"<tr><td>{escape(before.get(segment, 'not there yet'))}</td>"
        + "".join(
            f"<td class=n>{f'<b>{count:,}</b>' if segment == column else f'{count:,}'}</td>" for column, count in row.items()
        )
        + "</tr>"
        for segment, row in table.iterrows()
    )
    return f"<table class=wide><thead><tr><th>run before, <small>now</small></th>{head}</tr></thead><tbody>{body}</tbody></table>"


def outlier_rows(inputs: pd.DataFrame, assigned: pd.DataFrame, data: pd.DataFrame) -> str:
    """A row for each feature: bounds, how many lie beyond them, and the farthest of these by name."""
    beyond = assigned.loc[assigned["outlier_in"] != "", [CUSTOMER_KEY, "outlier_in"]].merge(data, on=CUSTOMER_KEY)
    rows = []
    for one in inputs.set_index("feature").loc[list(LABELS)].itertuples():
        mine = beyond[np.array([one.Index in names.split(",") for names in beyond["outlier_in"]], dtype=bool)]
        away = (mine[one.Index].astype(float) - (one.low + one.high) / 2).abs().nlargest(FARTHEST).index
        named = ", ".join(f"{mine.at[at, CUSTOMER_KEY]} ({number(float(mine.at[at, one.Index]))})" for at in away)
        rows.append(
            f"<tr><td>{escape(LABELS[one.Index])}</td><td>{bounds(one.low, one.high, one.least)}</td>"
            f"<td class=n>{one.outliers:,}</td>"
            f"<td>{escape(named)}</td></tr>"
        )
    return "".join(rows)


def bounds(low: float, high: float, least: float) -> str:
    """In words; a lower one only where anybody lies beyond it."""
    if np.isnan(low):
        return "none: nine in ten have the same value"
    return f"{number(low)} to {number(high)}" if least < low else f"up to {number(high)}"


def segment_rows(profiles: pd.DataFrame) -> str:
    of = plots.colours(list(profiles["segment"]))
    return "".join(
        f'<tr><td><span class="dot" style="background:{of[row.segment]}"></span>'
        f"<b>{escape(row.segment_name)}</b></td><td class=n>{row.segment}</td><td class=n>{row.customers:,}</td>"
        f"<td class=n>{row.share:.1%}</td>"
        f"<td class=n>{row.revenue_share:.1%}</td><td>{escape(row.meaning)}</td></tr>"
        for row in profiles.itertuples()
    )


def median_table(profiles: pd.DataFrame) -> str:
    head = "".join(f"<th class=n>{escape(name)}</th>" for name in profiles["segment_name"])
    body = "".join(
        f"<tr><td>{escape(LABELS[name])}{f' ({UNITS[name]})' if UNITS[name] else ''}</td>"
        + "".join(
            f"<td class=n>{number(median)}<small>{number(mean)}</small></td>"
            for median, mean in zip(profiles[f"median_{name}"], profiles[f"mean_{name}"], strict=True)
        )
        + "</tr>"
        for name in LABELS
    )
    return f"<thead><tr><th>median, <small>mean</small></th>{head}</tr></thead><tbody>{body}</tbody>"


def number(value: float) -> str:
    """Three digits that matter; a dash where there is no value."""
    if value is None or not np.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def page(run_id: str, facts: dict[str, Any], drawn: dict[str, str], profiles: pd.DataFrame) -> str:
    return Template(PAGE.read_text()).substitute(
        drawn,
        style=STYLE,
        run_id=escape(run_id),
        as_of=facts["as_of"],
        customers=f"{facts['customers']:,}",
        k=facts["k"],
        silhouette=f"{facts['silhouette']:.3f}",
        stability=f"{facts['stability']:.2f}",
        bar=f"{STABLE_FROM}",
        near=f"{NEAR:.0%}",
        previous_run=escape(facts["previous_run"] or "none"),
        seconds=f"{facts['seconds']:.0f} s",
        computed_at=facts["computed_at"].replace("T", " ").removesuffix("+00:00"),
        snapshot_id=facts["snapshot_id"],
        source=CUSTOMER_FEATURES.identifier,
        features=len(facts["features"]),
        parameters=", ".join(f"{name} = {value}" for name, value in facts["parameters"].items()),
        model=escape(facts["model"]),
        notes="".join(f"<li>{escape(note[0].upper() + note[1:])}.</li>" for note in facts["notes"]),
        segments=segment_rows(profiles),
        medians=median_table(profiles),
    )


def build(catalog: Catalog, run_id: str) -> str:
    facts = runs.read(run_id, runs.SEGMENTS)
    history = chain(catalog.load_table(SEGMENT_PROFILES.identifier).scan().to_pandas(), run_id)
    profiles = rows_of_run(catalog, SEGMENT_PROFILES, run_id).sort_values("mean_net_revenue", ascending=False, ignore_index=True)
    tried, assigned = rows_of_run(catalog, K_SELECTION, run_id), rows_of_run(catalog, CUSTOMER_SEGMENTS, run_id)
    data = frozen_features(catalog, facts["snapshot_id"])
    before = history[history["run_id"] == facts["previous_run"]]
    drawn = drawings(facts, tried, profiles, assigned, data) | {
        "trend": trend(history),
        "moves": moves(assigned, named(profiles), named(before)),
        "outliers": outlier_rows(rows_of_run(catalog, SEGMENT_INPUTS, run_id), assigned, data),
    }
    return page(run_id, facts, drawn, profiles)


def main() -> None:
    parser = argparse.ArgumentParser(prog="spark_ml.report", description="A run's segments as one HTML page.")
    parser.add_argument("--run-id", required=True, type=runs.run_id)
    run_id = parser.parse_args().run_id
    store = clients.object_store(settings())
    text = build(clients.catalog(settings()), run_id)
    print(publish(store, settings().bucket, "segments", run_id, text))


if __name__ == "__main__":
    sys.exit(exit_code("spark_ml.report", main))

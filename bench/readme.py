"""The tables of figures in the README and in docs/scale.md, rendered from bench/results.json between two markers."""

import json
import re
import sys

from bench import scale
from bench.machine import described
from contracts.settings import ROOT

RESULTS = ROOT / "bench" / "results.json"
README = ROOT / "README.md"
SCALE = ROOT / "docs" / "scale.md"
# What each delay that is measured ends at.
DELAYS = {
    "event_to_postgres_metric_ms": "Postgres metric",
    "event_to_session_ms": "Postgres session",
    "event_to_clickhouse_ms": "ClickHouse",
}
BLOCK = re.compile(r"(<!-- figures -->\n).*?(<!-- /figures -->)", re.DOTALL)


def table(results: dict) -> str:
    rows, parts = [], results | results.get("models", {})
    shown = ("throughput", "usual", "latency", "highest", "changes", "memory", "marts", "churn", "segments", "demo")
    for found in map(parts.get, shown):
        if not found:
            continue
        if "generator_events_per_second" in found:
            rows += [
                ("One generator process sends", f"{found['generator_events_per_second']:,} events/s"),
                ("Flink catches up on a shop's year", f"{found['flink_catch_up_events_per_second']:,} events/s"),
                (
                    "… with the warehouse, the batch side and the pages stopped",
                    f"{found['flink_catch_up_path_alone_events_per_second']:,} events/s",
                ),
                (
                    "… on events of one moment, everything running",
                    f"{found['flink_catch_up_at_once_events_per_second']:,} events/s",
                ),
            ]
        if "ratio" in found:
            label = "… the usual way: a job a table, a flush a row; ours in the same run"
            ours = f"{found['ours_events_per_second']:,}, {found['ratio']} times as many"
            rows.append((label, f"{found['events_per_second']:,} events/s; {ours}"))
        if "rate_events_per_second" in found:
            for name, label in DELAYS.items():
                times = found[name]
                what = f"Event to {label} at {found['rate_events_per_second']:,} events/s"
                rows.append((what, f"p50 {times['p50']:,} ms, p99 {times['p99']:,} ms"))
        if "highest_events_per_second" in found:
            bars = ", ".join(f"{DELAYS[name]} within {bar:,} ms" for name, bar in found["bars"].items())
            rows.append((f"Highest steady rate, p99 of {bars}", f"{found['highest_events_per_second']:,} events/s"))
        if "bulk_rows" in found:
            times = found["commit_to_clickhouse_ms"]
            label = f"Change in Postgres to ClickHouse at {found['rate_rows_per_second']:,} rows/s"
            rows.append((label, f"p50 {times['p50']:,} ms, p99 {times['p99']:,} ms"))
            rows.append((f"{found['bulk_rows']:,} changes in one transaction", f"{found['bulk_rows_per_second']:,} rows/s"))
        if "peak_gb" in found:
            rows.append(("Whole stack while Spark runs, peak", f"{found['peak_gb']} GB"))
        for each in found.get("builds", ()):
            rows.append((f"All marts built and tested, {each['events']:,} web events", f"{each['seconds']:,.0f} s"))
            if "incremental_seconds" in each:
                label = "… after 1 % more events, of 5 % of the customers, late ones and a deleted customer"
                rows.append((label, f"{each['incremental_seconds']:,.0f} s"))
        for each in found.get("runs", ()):
            label = f"Churn: gate, training, comparison, scores written, {each['customers']:,} customers, no search"
            rows.append((label, f"{each['seconds']:,.0f} s"))
        for each in found.get("cuts", ()):
            label = f"Segments: Iceberg to written, Spark's start included, {each['customers']:,} customers"
            other = each["scikit_learn"]["read_seconds"] + each["scikit_learn"]["fit_seconds"]
            rows.append((label, f"{each['seconds']:,.0f} s (scikit-learn, K-Means alone: {other:,.1f} s)"))
        if "seconds" in found and "stages" in found:
            rows.append((f"`make demo`, {found['customers']:,} customers, everything installed", f"{found['seconds']:,.0f} s"))
    lines = [described(results), ""]
    lines += ["| what | figure |", "| --- | --- |", *(f"| {what} | {figure} |" for what, figure in rows)]
    return "\n".join(lines) + "\n"


def rendered(text: str, figures: str) -> str:
    """The text with these figures between its markers. ValueError where it has none."""
    if not BLOCK.search(text):
        raise ValueError("there is no place for the figures")
    return BLOCK.sub(lambda found: found[1] + figures + found[2], text)


def main() -> None:
    results = json.loads(RESULTS.read_text())
    README.write_text(rendered(README.read_text(), table(results)))
    if missing := [part for part in scale.PARTS if part not in results]:
        print(f"{SCALE.name} stays as it is until these are measured: {', '.join(missing)}")
    else:
        SCALE.write_text(rendered(SCALE.read_text(), scale.table(results)))


if __name__ == "__main__":
    sys.exit(main())

"""The measurements as plots on one page, ``VAR_DIR/reports/bench.html``: ``python -m bench.page``, where matplotlib is."""

import html
import io
import json
import sys
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.machine import described
from bench.readme import DELAYS, RESULTS
from bench.sampling import Sample
from contracts.settings import settings
from spark_ml.pages import STYLE as CSS
from spark_ml.plots import PALETTE, STYLE

INCHES = (7, 3.2)


def axes(x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(INCHES, layout="constrained")
    drawn = figure.subplots()
    drawn.set(xlabel=x, ylabel=y)
    return figure, drawn


def bars(rates: dict[str, int]) -> Figure:
    figure, drawn = axes("events a second", "")
    drawn.bar_label(drawn.barh(list(rates), list(rates.values()), color=PALETTE[0], height=0.6), fmt="{:,.0f}", padding=4)
    drawn.margins(x=0.15)
    drawn.invert_yaxis()
    return figure


def throughput(found: dict) -> Figure:
    return bars(
        {
            "generator": found["generator_events_per_second"],
            "catch-up, a shop's year": found["flink_catch_up_events_per_second"],
            "… path alone": found["flink_catch_up_path_alone_events_per_second"],
            "catch-up, one moment": found["flink_catch_up_at_once_events_per_second"],
        }
    )


def usual(found: dict) -> Figure:
    tables = {f"a job for {table}": rate for table, rate in found["by_table_events_per_second"].items()}
    return bars({"this project's job, all tables": found["ours_events_per_second"], **tables})


def latency(found: dict) -> Figure:
    figure, drawn = axes("milliseconds since the event, logarithmic", "share of events that have arrived, %")
    for number, (name, label) in enumerate(DELAYS.items()):
        drawn.plot(found[name]["percentiles"], range(101), label=label, color=PALETTE[number])
    drawn.set_xscale("log")
    drawn.legend(frameon=False)
    return figure


def lines(samples: Sequence[Sample], names: Sequence[str], unit: str) -> Figure:
    figure, drawn = axes("seconds", unit)
    for number, name in enumerate(names):
        drawn.plot([each["second"] for each in samples], [each[name] for each in samples], label=name, color=PALETTE[number])
    drawn.set_ylim(bottom=0)
    if len(names) > 1:
        drawn.legend(frameon=False)
    return figure


def svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def page(results: dict) -> str:
    """HTML by itself; each plot beside the command that measured it."""
    live, batch = results["latency"], results["memory"]
    lags = [name for name in live["over_time"][0] if name not in ("second", "memory_gb")]
    rate = f"at {live['rate_events_per_second']:,} events a second"
    with mpl.rc_context({**STYLE, "svg.hashsalt": "bench"}):
        plots = [
            ("Throughput", throughput(results["throughput"]), results["throughput"]["command"]),
            ("One job against a job a table with a flush a row", usual(results["usual"]), results["usual"]["command"]),
            (f"Latency {rate}", latency(live), live["command"]),
            (f"Records still to be read {rate}", lines(live["over_time"], lags, "records"), live["command"]),
            (f"Memory of the stack {rate}", lines(live["over_time"], ["memory_gb"], "GB"), live["command"]),
            ("Memory of the stack while Spark runs", lines(batch["over_time"], ["memory_gb"], "GB"), batch["command"]),
        ]
        sections = "".join(
            f"<section><h2>{html.escape(title)}</h2><p>{html.escape(command)}</p>{svg(plot)}</section>"
            for title, plot, command in plots
        )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Measurements</title><style>{CSS}</style>'
        f"<main><h1>Measurements</h1><p>{html.escape(described(results))}</p>{sections}</main></html>"
    )


def main() -> None:
    target = settings().var / "reports" / "bench.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page(json.loads(RESULTS.read_text())))
    print(target)


if __name__ == "__main__":
    sys.exit(main())

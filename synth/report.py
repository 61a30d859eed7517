"""What was learnt and how close it is, as JSON and as one HTML page."""

import json
from html import escape
from pathlib import Path

from synth.closeness import Closeness

PAGE = """<!doctype html><meta charset="utf-8"><title>Synthetic customers</title>
<style>body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; margin: 1rem 0 }} th, td {{ padding: .2rem .8rem; text-align: left }}
th {{ border-bottom: 1px solid #999 }} td.n {{ text-align: right; font-variant-numeric: tabular-nums }}</style>
<h1>Synthetic customers</h1>
<p>Learnt from {rows} rows of {columns} columns of {source}. Left out, since they would name a customer: {left_out}.</p>
<h2>Columns</h2>
<p>Distance of the distributions, 0 for equal ones, 1 for disjoint ones (Kolmogorov and Smirnov's for numbers, total variation for
labels).</p>{margins}
<h2>Pairs</h2>
<p>Rank correlation in the real and in the synthetic table, the largest gaps first.</p>{pairs}
<h2>The nearest real record</h2>
<p>Mean difference over the columns in ranks, 0 for equal records. Synthetic customers should come no nearer to a real record than
another real customer does.</p>{nearest}
"""


def summary(source: str, rows: int, left_out: tuple[str, ...], found: Closeness) -> dict[str, object]:
    return {
        "source": source,
        "rows": rows,
        "left_out": list(left_out),
        "margins": found.margins,
        "correlations": [{"columns": pair, "real": real, "synthetic": made} for pair, (real, made) in found.correlations.items()],
        "largest_margin": found.largest_margin,
        "largest_correlation_gap": found.largest_correlation_gap,
        "nearest": found.nearest,
    }


def write(folder: Path, told: dict[str, object]) -> Path:
    """``report.json`` and ``report.html``; returns the page."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(told, indent=2))
    page = folder / "report.html"
    page.write_text(html(told))
    return page


def html(told: dict) -> str:
    pairs = sorted(told["correlations"], key=lambda pair: -abs(pair["real"] - pair["synthetic"]))
    return PAGE.format(
        rows=f"{told['rows']:,}",
        columns=len(told["margins"]),
        source=escape(told["source"]),
        left_out=escape(", ".join(told["left_out"]) or "none"),
        margins=_table(("column", "distance"), sorted(told["margins"].items(), key=lambda each: -each[1])),
        pairs=_table(("columns", "real", "synthetic"), [(" × ".join(p["columns"]), p["real"], p["synthetic"]) for p in pairs]),
        nearest=_table(("", "value"), [(name.replace("_", " "), value) for name, value in told["nearest"].items()]),
    )


def _table(heads: tuple[str, ...], rows: list[tuple]) -> str:
    head = "".join(f"<th>{escape(name)}" for name in heads)
    body = "".join(
        "<tr>" + "".join(f'<td class="n">{cell:.3f}' if isinstance(cell, float) else f"<td>{escape(str(cell))}" for cell in row)
        for row in rows
    )
    return f"<table><tr>{head}{body}</table>"

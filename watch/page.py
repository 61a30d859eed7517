"""The live page: alarms first, then lag, freshness, dead letters and restarts with their course over the last minutes."""

from html import escape

from watch.alarms import Figures
from watch.readings import DOCS, Reading

SHOWN = (
    "freshness_seconds", "kafka_lag_records", "dead_letters", "flink_restarts", "flink_job_running", "flink_last_checkpoint_ms",
    "flink_last_checkpoint_bytes", "slot_retained_bytes", "connect_task_running", "process_running", "source_up",
)  # fmt: skip
WIDTH, HEIGHT = 180, 28
STYLE = """
body { font: 15px system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; color: #1d2733; background: #fff }
h1 { font-size: 1.3rem } h2 { font-size: 1rem; margin: 1.6rem 0 .2rem } p { color: #5b6875; margin: 0 0 .4rem }
table { border-collapse: collapse; width: 100% } td { padding: .2rem .6rem .2rem 0; border-bottom: 1px solid #e4e9ee }
td.value { text-align: right; font-variant-numeric: tabular-nums; width: 8rem } td.course { width: 190px }
.alarm { background: #fdecea; border-left: 4px solid #c62828; padding: .5rem .8rem; margin: .3rem 0 }
.calm { background: #eaf6ee; border-left: 4px solid #2e7d32; padding: .5rem .8rem }
polyline { fill: none; stroke: #1f6feb; stroke-width: 1.5 }
"""


def page(readings: list[Reading], alarms: list[str], history: list[tuple[float, Figures]], age: float) -> str:
    """``age``: seconds since the readings were taken."""
    calm = "Nothing is alarming." if readings else "The first look is under way."
    told = "".join(f'<div class="alarm">{escape(text)}</div>' for text in alarms) or f'<div class="calm">{calm}</div>'
    sections = "".join(_section(name, [each for each in readings if each.name == name], history) for name in SHOWN)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">'
        f"<title>The stack now</title><style>{STYLE}</style></head><body><h1>The stack now</h1>"
        f"<p>As read {age:,.0f} s ago.</p>{told}{sections}</body></html>"
    )


def _section(name: str, readings: list[Reading], history: list[tuple[float, Figures]]) -> str:
    if not readings:
        return ""
    rows = "".join(
        f'<tr><td>{escape(", ".join(each.labels.values()) or name)}</td><td class="course">{_course(each, history)}</td>'
        f'<td class="value">{each.value:,.{0 if each.value == int(each.value) else 1}f}</td></tr>'
        for each in readings
    )
    return f"<h2>{escape(name.replace('_', ' '))}</h2><p>{escape(DOCS[name])}</p><table>{rows}</table>"


def _course(reading: Reading, history: list[tuple[float, Figures]]) -> str:
    """A line over the remembered looks, scaled to its own greatest value."""
    key = (reading.name, tuple(reading.labels.values()))
    values = [found[key] for _, found in history if key in found]
    if len(values) < 2:
        return ""
    top = max(max(values), 1e-9)
    step = WIDTH / (len(values) - 1)
    points = " ".join(f"{i * step:.1f},{HEIGHT - 2 - max(value, 0) / top * (HEIGHT - 4):.1f}" for i, value in enumerate(values))
    return f'<svg width="{WIDTH}" height="{HEIGHT}" role="img"><polyline points="{points}"/></svg>'

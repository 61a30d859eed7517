"""What the faults left: one row a fault, for the terminal and for a page."""

import html
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from bench.machine import machine, moment
from spark_ml.pages import STYLE

HEADINGS = ("fault", "runs", "recovered", "seconds to recover", "missing", "wrong", "duplicated", "remark")


@dataclass(frozen=True)
class Run:
    """One fault, once. Counts of differences by the invariant that found them; ``failed`` says why it did not recover,
    ``skipped`` why it could not strike."""

    fault: str
    seed: int
    seconds_to_recover: float | None
    missing: int = 0
    wrong: int = 0
    duplicated: int = 0
    failed: str = ""
    skipped: str = ""
    differences: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        return not (self.failed or self.missing or self.wrong or self.duplicated)

    @property
    def told(self) -> str:
        return self.failed or (f"skipped, {self.skipped}" if self.skipped else f"recovered after {self.seconds_to_recover} s")


def rows(runs: Iterable[Run]) -> list[tuple[str, ...]]:
    """Of each fault: all its runs taken together, under HEADINGS."""
    by_fault: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_fault[run.fault].append(run)
    return [_row(name, found) for name, found in by_fault.items()]


def _row(name: str, runs: list[Run]) -> tuple[str, ...]:
    struck = [run for run in runs if not run.skipped]
    times = [run.seconds_to_recover for run in struck if run.seconds_to_recover is not None]
    spread = f"{min(times):.0f} to {max(times):.0f}" if times else ""
    counts = [str(sum(getattr(run, count) for run in struck)) for count in ("missing", "wrong", "duplicated")]
    remark = next((run.told for run in runs if run.failed or run.skipped), "")
    return name, str(len(struck)), str(sum(not run.failed for run in struck)), spread, *counts, remark


def page(runs: list[Run], rate: int) -> str:
    """HTML by itself: the table, and every difference that an invariant has named."""
    here = machine()
    head = "".join(f"<th>{html.escape(name)}</th>" for name in HEADINGS)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows(runs))
    named = "".join(
        f"<section><h2>{html.escape(run.fault)}, seed {run.seed}</h2><ul>"
        f"{''.join(f'<li>{html.escape(text)}</li>' for text in run.differences)}</ul></section>"
        for run in runs
        if run.differences
    )
    when = (
        f"Measured {moment()} on {here['cores']} cores, {here['memory_gb']} GB ({here['processor']}): "
        f"make chaos, while {rate:,} web events and {max(rate // 10, 1):,} purchases a second were sent."
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Faults</title><style>{STYLE}</style>'
        f"<main><h1>Faults, and what they left</h1><p>{html.escape(when)}</p>"
        f"<section><table><tr>{head}</tr>{body}</table></section>{named}</main></html>"
    )

"""A line of progress on standard error: records, rate, a note, time; without a terminal one line at the end."""

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Meter:
    """Counts records; use as a context manager. ``total``: what makes the bar full, None where that is not known."""

    def __init__(self, title: str, total: float | None = None) -> None:
        self._title, self._total = title, total
        self._terminal = sys.stderr.isatty()
        columns = [SpinnerColumn(), TextColumn("{task.description}")]
        columns += [BarColumn(), TimeRemainingColumn()] if total else []
        columns += [
            TextColumn("{task.fields[records]:,} records  {task.fields[rate]:,.0f}/s  {task.fields[note]}"),
            TimeElapsedColumn(),
        ]
        self._progress = Progress(*columns, console=Console(stderr=True), disable=not self._terminal, refresh_per_second=4)
        self._task = self._progress.add_task(title, total=total, records=0, rate=0.0, note="")
        self._began = time.monotonic()
        self._note = ""
        self.records = 0

    def __enter__(self) -> "Meter":
        self._progress.start()
        self._began = time.monotonic()
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        self._progress.stop()
        if kind is None:
            note = f", {self._note}" if self._note else ""
            print(f"{self._title}: {self.records:,} records in {self.seconds:,.1f} s, {self.rate:,.0f}/s{note}", file=sys.stderr)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def rate(self) -> float:
        return self.records / max(self.seconds, 1e-3)

    def add(self, records: int, done: float | None = None, note: str = "") -> None:
        """``done``: how full the bar is, in units of ``total``; the records where not given."""
        self.records += records
        self._note = note
        if self._terminal:
            position = self.records if done is None else done
            self._progress.update(self._task, completed=position, records=self.records, rate=self.rate, note=note)

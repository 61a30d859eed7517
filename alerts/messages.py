"""What is said about runs: pure, the same words for every channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

Table = Sequence[Sequence[object]]
"""Rows of a table; the first names the columns."""


@dataclass(frozen=True)
class Section:
    title: str
    table: Table


@dataclass(frozen=True)
class Message:
    """``lines`` come first, then a table a section."""

    subject: str
    lines: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()

    @property
    def text(self) -> str:
        return "\n".join([*self.lines, *(line for section in self.sections for line in _plain(section))])

    @property
    def html(self) -> str:
        lines = "".join(f"<p>{escape(line)}</p>" for line in self.lines)
        return f"<html><body>{lines}{''.join(map(_html, self.sections))}</body></html>"


def failure(dag: str, task: str, run: str, tries: int, error: object, page: str) -> Message:
    """A task that failed for good: its last try has failed as well."""
    lines = (f"run: {run}", f"tries: {tries}", f"error: {_one_line(error)}", f"log: {page}")
    return Message(f"Failed: {dag}.{task}", lines)


def summary(build: dict, segments: Sequence[dict], pages: Sequence[str]) -> Message:
    """The newest build of the marts, and the segments of the newest run beside those of the one before.

    ``build``: a row of ops.builds; ``segments``: segment_name, customers, and customers_before, None where it is new.
    """
    tests = ", ".join(f"{build[f'tests_{state}']} {state}" for state in ("passed", "warned", "failed", "skipped"))
    lines = (
        f"as known at the end of {build['as_of_day']} (UTC)",
        f"models: {build['models_built']} built, {build['models_failed']} failed, {build['seconds']:.0f} s",
        f"tests: {tests}",
        *pages,
    )
    rows = [("segment", "customers", "change"), *((row["segment_name"], row["customers"], _change(row)) for row in segments)]
    state = "well" if build["is_ok"] else "NOT WELL"
    return Message(f"Customer pipeline: {state}, {len(segments)} segments", lines, (Section("Segments", rows),))


def _change(row: dict) -> str:
    before = row["customers_before"]
    return "new" if before is None else f"{row['customers'] - before:+d}"


def _one_line(error: object) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0][:500]


def _plain(section: Section) -> list[str]:
    widths = [max(len(str(row[place])) for row in section.table) for place in range(len(section.table[0]))]
    rows = ("  ".join(str(value).ljust(width) for value, width in zip(row, widths, strict=True)) for row in section.table)
    return ["", section.title, *(row.rstrip() for row in rows)]


def _html(section: Section) -> str:
    head, *rows = section.table
    cells = ["".join(f"<th>{escape(str(name))}</th>" for name in head)]
    cells += ["".join(f"<td>{escape(str(value))}</td>" for value in row) for row in rows]
    return f"<h3>{escape(section.title)}</h3><table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"

"""A real CSV file through the same topics as the simulator's events, in constant memory.

A line that makes no event goes to the dead letters of its stream with its number; the rest flows. Ids come from the content of
the rows (docs/decisions/0010-replay-identity.md), so that sending a file again adds nothing.
"""

import base64
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

import numpy as np
import orjson

from contracts import settings as configuration
from contracts.events import DEAD_LETTER, EARLIEST_EVENT_TIME, MAX_EVENT_BYTES, Reason
from contracts.settings import Settings
from contracts.topics import MAX_MESSAGE_BYTES, STREAMS, Stream
from generators.clock import HOUR, iso, milliseconds
from generators.csv_lines import BadLineError, CsvFile, Line, Record, ReplayError, open_csv
from generators.formats import FORMATS, Made, Reader, Row, digest
from generators.ledger import Ledger
from generators.occurrences import Occurrences, open_occurrences
from generators.progress import Meter
from generators.records import Records, good, namespace
from generators.send import Sender

BATCH, BATCH_BYTES = 5_000, 4_000_000
REPORTED = 20
# Key and value of a message; the rest is the broker's envelope. A shorter line makes no larger event: one byte of it
# becomes six at most, in key and value.
LARGEST_EVENT = MAX_MESSAGE_BYTES - 2_048
LONG_LINE = LARGEST_EVENT // 16
EARLIEST = milliseconds(datetime.fromisoformat(EARLIEST_EVENT_TIME))


class Unreadable(NamedTuple):
    """A line that makes no event, and why."""

    line: Line
    problem: str


def run(settings: Settings, path: Path, name: str) -> None:
    """ReplayError where the file as a whole cannot be replayed, SendError where Kafka did not take it."""
    if name not in FORMATS:
        raise ReplayError(f"unknown format {name!r}: known are {', '.join(FORMATS)}")
    check_header(path, name)
    stamp = milliseconds(datetime.now(UTC))
    topics = tuple(topic for stream in STREAMS for topic in (stream.source, stream.dead_letters))
    with Ledger(settings.truth, f"replay-{namespace(path.name, stamp)}") as ledger, Sender(settings, topics) as sender:
        totals = _send(settings, path, name, sender, ledger)
    print(totals.summary(path.name))
    if totals.lines and totals.bad == totals.lines:
        raise ReplayError(f"no line of {path} makes an event")


@dataclass
class Totals:
    lines: int = 0
    bad: int = 0
    records: int = 0

    def summary(self, file: str) -> str:
        return f"{file}: {self.lines:,} lines, {self.records:,} events sent, {self.bad:,} lines dead-lettered"

    def report(self, file: str, bad: Unreadable) -> None:
        """The first ones by line, the rest as a count at the end."""
        self.bad += 1
        if self.bad <= REPORTED:
            print(f"{file}:{bad.line.number}: {bad.problem}", file=sys.stderr)
        elif self.bad == REPORTED + 1:
            print(f"{file}: more bad lines follow; all are in the dead letters", file=sys.stderr)


def check_header(path: Path, name: str) -> None:
    """ReplayError names what the header lacks."""
    with open_csv(path) as file:
        reader = FORMATS[name]
        missing = [column for column in reader.required if column not in file.columns]
        twice = sorted({column for column in (*reader.required, *reader.optional) if file.columns.count(column) > 1})
        if missing:
            raise ReplayError(f"{path}: the header has no {', '.join(missing)}; it has {', '.join(file.columns)[:300]}")
        if twice:
            raise ReplayError(f"{path}: the header has {', '.join(twice)} more than once")


def _send(settings: Settings, path: Path, name: str, sender: Sender, ledger: Ledger) -> Totals:
    totals, size = Totals(), path.stat().st_size
    with open_occurrences(settings.var / "replay") as occurrences:
        if FORMATS[name].equal_rows_differ:
            _count_rows(path, name, occurrences)
        with Meter(f"replay {path.name}", total=size) as meter, Outbox(path.name, FORMATS[name].stream, sender, ledger) as outbox:
            for file, made in events(path, name, occurrences):
                totals.lines += 1
                if isinstance(made, Unreadable):
                    totals.report(path.name, made)
                    outbox.set_aside(made)
                else:
                    totals.records += len(made)
                    outbox.add(made)
                if outbox.full:
                    meter.add(outbox.empty(), done=file.position, note=f"{totals.bad:,} bad lines" if totals.bad else "")
            meter.add(outbox.empty(), done=size)
    return totals


def _count_rows(path: Path, name: str, occurrences: Occurrences) -> None:
    """First reading, where equal rows are different events: how many equal ones stand before each."""
    with open_csv(path) as file, Meter(f"reading {path.name}", total=path.stat().st_size) as meter:
        reader = FORMATS[name](file.columns)
        lines = 0
        for lines, record in enumerate(file.records(), start=1):
            row = _row(reader, record)
            if not isinstance(row, Unreadable):
                occurrences.add(row.identity)
            if lines % BATCH == 0:
                meter.add(BATCH, done=file.position)
        meter.add(lines % BATCH)


def events(path: Path, name: str, occurrences: Occurrences) -> Iterator[tuple[CsvFile, list[Made] | Unreadable]]:
    """What each line makes, with the file that is being read."""
    with open_csv(path) as file:
        reader = FORMATS[name](file.columns)
        counts = occurrences.counts() if reader.equal_rows_differ else repeat(0)
        for record in file.records():
            row = _row(reader, record)
            if isinstance(row, Unreadable):
                yield file, row
                continue
            before = next(counts, None)
            if before is None:
                raise ReplayError(f"{path} changed while it was read")
            made = row.events(digest(row.identity, str(before)) if before else row.identity)
            if len(record.line.raw) > LONG_LINE and any(len(event.value) + len(event.key) > LARGEST_EVENT for event in made):
                yield file, Unreadable(record.line, "the event is larger than a message may be")
            else:
                yield file, made


def _row(reader: Reader, record: Record) -> Row | Unreadable:
    if record.problem:
        return Unreadable(record.line, record.problem)
    try:
        return reader.read(record.fields)
    except BadLineError as error:
        return Unreadable(record.line, str(error))


class Outbox:
    """Collects events and dead letters, and sends them in batches with their rows of the ledger.

    Use as a context manager: what was read before a file turned out to be damaged is sent too.
    """

    def __init__(self, file: str, stream: Stream, sender: Sender, ledger: Ledger) -> None:
        self._file, self._stream, self._sender, self._ledger = file, stream, sender, ledger
        self._made: dict[str, list[Made]] = {each.source: [] for each in STREAMS}
        self._bad: list[Unreadable] = []
        self._bytes = self._records = 0

    def __enter__(self) -> "Outbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.empty()

    @property
    def full(self) -> bool:
        return self._records >= BATCH or self._bytes >= BATCH_BYTES

    def add(self, made: list[Made]) -> None:
        for event in made:
            self._made[event.topic].append(event)
            self._bytes += len(event.value)
        self._records += len(made)

    def set_aside(self, bad: Unreadable) -> None:
        self._bad.append(bad)
        self._bytes += len(bad.line.raw)
        self._records += 1

    def empty(self) -> int:
        """Send what is held; returns how many records."""
        count = 0
        for stream in STREAMS:
            records = _sent(stream, self._made[stream.source])
            self._sender.send(records)
            self._ledger.add(records)
            count += len(records)
        letters = [dead_letter(self._stream, self._file, bad) for bad in self._bad]
        self._sender.send(_unreadable(self._stream, self._file, self._bad, letters), self._stream.dead_letters)
        self._ledger.add(
            _unreadable(self._stream, self._file, self._bad, [bad.line.raw for bad in self._bad]), self._stream.dead_letters
        )
        count += len(self._bad)
        self._made = {each.source: [] for each in STREAMS}
        self._bad = []
        self._bytes = self._records = 0
        return count


def dead_letter(stream: Stream, file: str, bad: Unreadable) -> bytes:
    """As the contract has it; the line number stands for the offset."""
    raw = bad.line.raw
    values = {
        "reason": Reason.UNREADABLE_LINE.value,
        "message": bad.problem,
        "raw_value": base64.b64encode(raw).decode(),
        "raw_key": None,
        "stream": stream.event.name,
        "source_topic": file,
        "source_partition": 0,
        "source_offset": bad.line.number,
        "dead_at": iso(np.array([milliseconds(datetime.now(UTC))]))[0],
    }
    return orjson.dumps({field.name: values[field.name] for field in DEAD_LETTER.fields})


def _sent(stream: Stream, made: list[Made]) -> Records:
    """The ledger expects what the contract does not let pass in the dead letters; the judgement itself is the pipeline's."""
    records = good(stream, *([row[column] for row in made] for column in (1, 2, 3, 4)))
    latest = milliseconds(datetime.now(UTC)) + configuration.settings().clock_tolerance_hours * HOUR
    for i, (value, time) in enumerate(zip(records.values, records.times, strict=True)):
        if len(value) > MAX_EVENT_BYTES:
            records.kinds[i], records.reasons[i] = "oversized", Reason.OVERSIZED.value
        elif not EARLIEST <= time <= latest:
            records.kinds[i], records.reasons[i] = "absurd_time", Reason.BAD_TIME.value
    return records


def _unreadable(stream: Stream, file: str, bad: list[Unreadable], values: list[bytes]) -> Records:
    """``values``: the dead letters to send, or the lines for the ledger."""
    n = len(bad)
    names = [f"{file}:{each.line.number}" for each in bad]
    return Records(stream, [None] * n, values, names, [None] * n, ["unreadable"] * n, [Reason.UNREADABLE_LINE.value] * n)

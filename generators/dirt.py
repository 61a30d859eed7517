"""What goes wrong on the way: duplicates, late events, bots, and records that break the contract in exactly one way each.

A broken record is a copy of a good one, so that the good data stays whole. A bot's are as the contract wants them: a stranger
who views one product after another, at a pace of its own. Only the ledger tells which is which.
"""

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import orjson

from contracts.events import MAX_EVENT_BYTES, Reason
from contracts.topics import WEB, Stream
from generators.chance import generator
from generators.clock import iso
from generators.records import Records

Event = dict[str, object]
# A record in the order of Records.columns().
Row = tuple[bytes | None, bytes | None, str | None, int | None, str, str | None]

DUPLICATE, LATE, BOT = "duplicate", "late", "bot"
# How often each happens for an event of its stream; each way to break a record has its rate where it is written.
RATES = {LATE: 0.002, DUPLICATE: 0.003, BOT: 0.00004}
# A bot views so many products, one every so many milliseconds.
CRAWL = (80, 200)
CRAWL_PACE = (150, 600)
# How many records later a duplicate or a late event comes, on average.
DELAY = 1_500
LARGEST_PADDING = 60_000


@dataclass(frozen=True)
class Broken:
    """The record that a break makes: its key, value, and what can still be read of it."""

    key: bytes | None
    value: bytes | None
    event_id: str | None
    time: int | None


Break = Callable[[np.random.Generator, Stream, bytes, Event, int], Broken]
BREAKS: dict[str, tuple[Reason, Break]] = {}


def breaks(reason: Reason, rate: float) -> Callable[[Break], Break]:
    """Register a way to break a record, the reason under which it must be found, and its share of events."""

    def register(function: Break) -> Break:
        BREAKS[function.__name__] = reason, function
        RATES[function.__name__] = rate
        return function

    return register


def _with(event: Event, key: bytes, time: int | None, **changes: object) -> Broken:
    return Broken(key, orjson.dumps({**event, **changes}), str(event["event_id"]), time)


@breaks(Reason.NULL_VALUE, 0.0002)
def null_value(rng: np.random.Generator, stream: Stream, key: bytes, event: Event, time: int) -> Broken:
    return Broken(key, None, None, None)


@breaks(Reason.OVERSIZED, 0.0001)
def oversized(rng: np.random.Generator, stream: Stream, key: bytes, event: Event, time: int) -> Broken:
    return _with(event, key, time, note="x" * int(rng.integers(MAX_EVENT_BYTES, LARGEST_PADDING)))


@breaks(Reason.MALFORMED_JSON, 0.0004)
def malformed(rng: np.random.Generator, stream: Stream, key: bytes, event: Event, time: int) -> Broken:
    """Single quotes for double ones, a bare word, or bytes that are no UTF-8."""
    text = orjson.dumps(event)
    value = (text.replace(b'"', b"'"), text[:-1] + b",}", b"<event/>" + text, text[:1] + b"\xff\xfe" + text[1:])
    return Broken(key, value[int(rng.integers(0, len(value)))], None, None)


@breaks(Reason.MALFORMED_JSON, 0.0004)
def truncated(rng: np.random.Generator, stream: Stream, key: bytes, event: Event, time: int) -> Broken:
    text = orjson.dumps(event)
    return Broken(key, text[: int(rng.integers(1, len(text)))], None, None)


@breaks(Reason.NULL_KEY, 0.0002)
def null_key(rng: np.random.Generator, stream: Stream, key: bytes, event: Event, time: int) -> Broken:
    return Broken(None, orjson.dumps(event), str(event["event_id"]), time)


@breaks(Reason.UNKNOWN_SCHEMA_VERSION, 0.0003)
def unknown_schema_version(rng: np.random.Generator, stream: Stream, key: bytes, event: Event, time: int) -> Broken:
    return _with(event, key, time, schema_version=int(rng.integers(90, 100)))


@breaks(Reason.MISSING_FIELD, 0.0005)
def missing_field(rng: np.random.Generator, stream: Stream, key: bytes, event: Event, time: int) -> Broken:
    """A required field is absent, or null."""
    required = [field.name for field in stream.event.fields if not field.nullable and field.name != "schema_version"]
    name = required[int(rng.integers(0, len(required)))]
    left = {field: value for field, value in event.items() if field != name}
    if rng.random() < 0.3:
        left[name] = None
    identity = None if name == "event_id" else str(event["event_id"])
    return Broken(key, orjson.dumps(left), identity, None if name == "event_time" else time)


@breaks(Reason.KEY_MISMATCH, 0.0001)
def key_mismatch(rng: np.random.Generator, stream: Stream, key: bytes, event: Event, time: int) -> Broken:
    return Broken(b"c9999999" if key != b"c9999999" else b"c9999998", orjson.dumps(event), str(event["event_id"]), time)


@breaks(Reason.UNKNOWN_TYPE, 0.0003)
def unknown_type(rng: np.random.Generator, stream: Stream, key: bytes, event: Event, time: int) -> Broken:
    return _with(event, key, time, **{stream.event.kind: "teleport"})


@breaks(Reason.WRONG_TYPE, 0.0004)
def wrong_type(rng: np.random.Generator, stream: Stream, key: bytes, event: Event, time: int) -> Broken:
    """Words where the contract has a number."""
    names = [field.name for field in stream.event.fields if field.name in ("price", "amount", "quantity", "discount")]
    return _with(event, key, time, **{names[int(rng.integers(0, len(names)))]: "a lot"})


@breaks(Reason.BAD_TIME, 0.0004)
def bad_time(rng: np.random.Generator, stream: Stream, key: bytes, event: Event, time: int) -> Broken:
    moments = ("1970-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "yesterday")
    moment = moments[int(rng.integers(0, len(moments)))]
    return _with(event, key, {moments[0]: 0, moments[1]: 253402300799999}.get(moment), event_time=moment)


@breaks(Reason.OUT_OF_RANGE, 0.0003)
def negative(rng: np.random.Generator, stream: Stream, key: bytes, event: Event, time: int) -> Broken:
    names = [field.name for field in stream.event.fields if field.name in ("price", "amount")]
    return _with(event, key, time, **{names[0]: -9.99})


class Dirt:
    """Soils one stream. ``level`` multiplies every rate; 0 leaves the stream clean."""

    def __init__(self, seed: int, level: float = 1.0) -> None:
        self._rng = generator(seed, 4)
        self._rates = {name: rate * level for name, rate in RATES.items()}
        self._sent = 0
        self._newest: deque[bytes] = deque(maxlen=CRAWL[1])  # values of the records before
        self._held: list[tuple[int, int, Row]] = []  # (records after which it is sent, order, record)

    def soil(self, records: Records) -> Records:
        """The records with their dirt, and what was held back from earlier ones and is due now."""
        rng, n = self._rng, len(records)
        extra: list[tuple[int, Row]] = []
        late = np.zeros(n, dtype=bool)
        for name, rate in self._rates.items():
            for i in rng.integers(0, n, rng.binomial(n, rate)).tolist() if n else ():
                row = tuple(column[i] for column in records.columns())
                if name in BREAKS:
                    extra.append((i, _broken(rng, records.stream, name, row)))
                elif name == BOT:
                    extra += [(i, each) for each in self._crawl(records, i)]
                elif not late[i]:  # a duplicate never overtakes its first
                    late[i] = name == LATE
                    self._hold(i, (*row[:4], name, None))
        while self._held and self._held[0][0] < self._sent + n:
            due, _, row = heapq.heappop(self._held)
            extra.append((max(0, due - self._sent), row))
        self._sent += n
        self._newest.extend(records.values[-CRAWL[1] :])
        return _merged(records, extra, late) if extra or late.any() else records

    def rest(self, stream: Stream) -> Records:
        """What is still held back, at the end."""
        rows = [row for _, _, row in sorted(self._held)]
        self._held = []
        return Records(stream, *([row[column] for row in rows] for column in range(6)))

    def _crawl(self, records: Records, i: int) -> list[Row]:
        """A bot's views up to the moment of a web event: of the products that others saw before."""
        if records.stream is not WEB:
            return []
        n, interval = int(self._rng.integers(*CRAWL)), int(self._rng.integers(*CRAWL_PACE))
        seen = [orjson.loads(value) for value in [*self._newest, *records.values[max(0, i + 1 - n) : i + 1]][-n:]]
        pages = [event for event in seen if event["product_id"] is not None]
        own = {name: seen[-1][name] for name in ("schema_version", "device", "country", "channel")}
        own |= {
            "event_type": "view",
            "quantity": None,
            "customer_id": f"g{records.ids[i]}-0",
            "session_id": f"{records.ids[i]}-s",
        }
        times = records.times[i] - interval * np.arange(len(pages))[::-1]
        rows = []
        for number, (page, time, text) in enumerate(zip(pages, times.tolist(), iso(times), strict=True)):
            event_id = f"{records.ids[i]}-{number:x}"
            event = page | own | {"event_id": event_id, "event_time": text}
            rows.append((own["customer_id"].encode(), orjson.dumps(event), event_id, time, BOT, None))
        return rows

    def _hold(self, position: int, row: Row) -> None:
        due = self._sent + position + 1 + int(self._rng.geometric(1 / DELAY))
        heapq.heappush(self._held, (due, len(self._held), row))


def _broken(rng: np.random.Generator, stream: Stream, name: str, row: Row) -> Row:
    key, value, event_id, time = row[:4]
    reason, function = BREAKS[name]
    event = orjson.loads(value)
    event["event_id"] = f"{event_id}-{name}"
    made = function(rng, stream, key, event, time)
    return made.key, made.value, made.event_id, made.time, name, reason.value


def _merged(records: Records, extra: list[tuple[int, Row]], late: np.ndarray) -> Records:
    """``extra`` rows come right after the record at their position; ``late`` ones leave their place."""
    columns: tuple[list, ...] = ([], [], [], [], [], [])
    source = records.columns()
    cuts = sorted(
        [(i, 1, row) for i, row in extra] + [(i, 0, None) for i in np.flatnonzero(late).tolist()], key=lambda cut: cut[:2]
    )
    begin = 0
    for i, _, row in cuts:
        end = i if row is None else i + 1
        for column, values in zip(columns, source, strict=True):
            column.extend(values[begin:end])
        begin = max(begin, i + 1)
        if row is not None:
            for column, value in zip(columns, row, strict=True):
                column.append(value)
    for column, values in zip(columns, source, strict=True):
        column.extend(values[begin:])
    return Records(records.stream, *columns)

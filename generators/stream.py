"""Sends a live stream at its rate until a number of events, a time or a signal stops it."""

import time
from dataclasses import dataclass

from contracts.settings import Settings
from contracts.topics import WEB, Stream
from generators.clock import DAY, SECOND, to_operational
from generators.dirt import Dirt
from generators.encode import Encoder
from generators.history import Plan
from generators.ledger import Ledger
from generators.live import Stage
from generators.progress import Meter
from generators.records import Records, namespace
from generators.send import Sender
from generators.skew import web_records
from generators.stop import Stop, until_signal

SLICE = 10_000
TICK = 0.02
# A part of the ledger is complete after so many seconds.
LEDGER_SECONDS = 30


@dataclass(frozen=True)
class Limits:
    """``rate``: events a second over all streams, None for as fast as it goes; with ``daily`` that is the mean over a week, more
    by day and less by night. ``events`` and ``seconds``: None for endless."""

    rate: float | None
    events: int | None
    seconds: float | None
    daily: bool = False

    @property
    def total(self) -> float | None:
        """Events to expect, None where the stream is endless or only the time is limited."""
        if self.events is not None:
            return self.events
        return self.rate * self.seconds if self.rate and self.seconds and not self.daily else None


class Pace:
    """How many events are due: asked again and again, it waits for the next ones. ``now``: the wall clock, milliseconds."""

    def __init__(self, limits: Limits, stop: Stop, now: int) -> None:
        self._limits, self._stop = limits, stop
        self._began, self._start = time.monotonic(), now
        self._sent = 0
        self.lag = 0.0  # seconds: how long ago what comes next was due

    def due(self, sender: Sender) -> int:
        """At least one event, a TICK's worth where the rate gives more, or 0 at the end of the stream."""
        limits = self._limits
        while not self._stop.wanted:
            passed = time.monotonic() - self._began
            left = SLICE if limits.events is None else limits.events - self._sent
            if left <= 0 or (limits.seconds is not None and passed >= limits.seconds):
                break
            waiting = SLICE if limits.rate is None else int(limits.rate * self._busy(passed)) - self._sent
            if waiting >= min(left, max(1, int((limits.rate or 0) * TICK))):
                count = min(SLICE, left, waiting)
                self._sent += count
                self.lag = (waiting - count) / limits.rate if limits.rate else 0.0
                return count
            sender.wait(TICK)
        return 0

    def _busy(self, passed: float) -> float:
        """Seconds that have passed at the mean rate."""
        if not self._limits.daily:
            return passed
        now = self._start + round(passed * SECOND)
        return float(to_operational(now) - to_operational(self._start)) * DAY / SECOND


def run(settings: Settings, name: str, plan: Plan, streams: tuple[Stream, ...], limits: Limits, seed: int, dirt: float) -> None:
    began = _now()
    prefix = namespace(name, seed, plan.prefix, began)
    world = plan.world()
    stage = Stage(world, seed, streams, limits.rate, began)
    encoder = Encoder(world.catalogues, len(world.customers), prefix)
    dirts = {stream: Dirt(seed + number, dirt) for number, stream in enumerate(streams)}
    with (
        until_signal() as stop,
        Meter(name, limits.total) as meter,
        Ledger(settings.truth, f"{name}-{prefix}") as ledger,
        Sender(settings, tuple(stream.source for stream in streams)) as sender,
    ):

        def send(records: Records) -> None:
            sender.send(records)
            ledger.add(records)
            meter.add(len(records), note=f"{pace.lag:.1f} s behind, {sender.undelivered:,} errors")

        pace = Pace(limits, stop, began)
        last, written = began, time.monotonic()
        while count := pace.due(sender):
            while count:
                now = max(_now(), last + 1)
                events = stage.next(count, last, now)
                last = now
                for stream, columns in events.items():
                    web = stream is WEB
                    records = web_records(encoder, columns, plan.seed, dirt) if web else encoder.purchases(columns)
                    count -= len(records)
                    send(dirts[stream].soil(records))
            if time.monotonic() - written > LEDGER_SECONDS:
                ledger.flush()
                written = time.monotonic()
        for stream in streams:
            send(dirts[stream].rest(stream))


def _now() -> int:
    return time.time_ns() // 1_000_000

"""Sends a live stream at its rate until a number of events, a time or a signal stops it."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from contracts.settings import Settings
from contracts.topics import PURCHASES, Stream
from generators.dirt import Dirt
from generators.encode import Encoder
from generators.history import Plan
from generators.ledger import Ledger
from generators.live import Stage
from generators.progress import Meter
from generators.records import Records, namespace
from generators.send import Sender

SLICE = 10_000
TICK = 0.02
# A part of the ledger is complete after so many seconds.
LEDGER_SECONDS = 30


@dataclass(frozen=True)
class Limits:
    """``rate``: events a second over all streams, None for as fast as it goes. ``events`` and ``seconds``: None for endless."""

    rate: float | None
    events: int | None
    seconds: float | None

    @property
    def total(self) -> float | None:
        """Events to expect, None where the stream is endless or only the time is limited."""
        if self.events is not None:
            return self.events
        return self.rate * self.seconds if self.rate and self.seconds else None


class Pace:
    """How many events are due: asked again and again, it waits for the next ones."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._began = time.monotonic()
        self._sent = 0
        self._stop = False

    def stop(self, *_: object) -> None:
        self._stop = True

    def due(self, sender: Sender) -> int:
        """At least one event, or 0 at the end of the stream."""
        limits = self._limits
        while not self._stop:
            passed = time.monotonic() - self._began
            if limits.seconds is not None and passed >= limits.seconds:
                break
            count = SLICE if limits.rate is None else min(SLICE, int(passed * limits.rate) - self._sent)
            if limits.events is not None:
                count = min(count, limits.events - self._sent)
                if self._sent >= limits.events:
                    break
            if count > 0:
                self._sent += count
                return count
            sender.wait(TICK)
        return 0


@contextmanager
def until_signal(pace: Pace) -> Iterator[None]:
    """SIGINT and SIGTERM end the stream in order: what was made is sent and in the ledger."""
    before = {number: signal.signal(number, pace.stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(settings: Settings, name: str, plan: Plan, streams: tuple[Stream, ...], limits: Limits, seed: int, dirt: float) -> None:
    began = _now()
    prefix = namespace(name, seed, plan.prefix, began)
    world = plan.world()
    stage = Stage(world, seed, streams, limits.rate, began)
    encoder = Encoder(world.catalogue, len(world.customers), prefix)
    dirts = {stream: Dirt(seed + number, dirt) for number, stream in enumerate(streams)}
    pace = Pace(limits)
    with (
        until_signal(pace),
        Meter(name, limits.total) as meter,
        Ledger(settings.truth, f"{name}-{prefix}") as ledger,
        Sender(settings, tuple(stream.source for stream in streams)) as sender,
    ):

        def send(records: Records) -> None:
            sender.send(records)
            ledger.add(records)
            meter.add(len(records), note=f"{sender.undelivered:,} errors" if sender.undelivered else "")

        last, written = began, time.monotonic()
        while count := pace.due(sender):
            while count:
                now = max(_now(), last + 1)
                events = stage.next(count, last, now)
                last = now
                for stream, columns in events.items():
                    records = encoder.purchases(columns) if stream is PURCHASES else encoder.web(columns)
                    count -= len(records)
                    send(dirts[stream].soil(records))
            if time.monotonic() - written > LEDGER_SECONDS:
                ledger.flush()
                written = time.monotonic()
        for stream in streams:
            send(dirts[stream].rest(stream))


def _now() -> int:
    return time.time_ns() // 1_000_000

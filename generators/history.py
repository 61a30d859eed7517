"""A year of the shop at full speed: customers to Postgres, their events to Kafka.

The world is remembered beside the ledger: run again with the same seed, customers and months, history sends what happened
since, also where that run was stopped. With an end of its own (``until``) it sends the whole window, each time with the same
ids.
"""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from contracts.settings import Settings
from contracts.tables import CUSTOMERS, EXPERIMENTS, SURVEYS
from contracts.topics import STREAMS
from generators.clock import milliseconds, moment, months_before
from generators.dirt import Dirt
from generators.encode import Encoder
from generators.ledger import Ledger, history_run
from generators.people import shop_rows
from generators.progress import Meter
from generators.records import Records, namespace
from generators.send import Sender
from generators.shop import write_rows
from generators.skew import web_records
from generators.stop import until_signal
from generators.surveys import survey_rows
from generators.truth import write_truth
from generators.world import Events, World

# What was sent is safe after so many records, in whole days: a run that is killed repeats no more than that.
CHECKPOINT_RECORDS = 1_000_000


@dataclass(frozen=True)
class Plan:
    """Which world, and how much of it was sent. Times in milliseconds."""

    seed: int
    customers: int
    months: int
    start: int
    end: int
    sent_until: int

    @property
    def prefix(self) -> str:
        return namespace("world", self.seed, self.customers, self.start, self.end)

    def world(self) -> World:
        return World(self.seed, self.customers, self.start, self.end)


def read_plan(truth: Path) -> Plan | None:
    path = truth / "world.json"
    return Plan(**json.loads(path.read_text())) if path.exists() else None


def write_plan(truth: Path, plan: Plan) -> None:
    truth.mkdir(parents=True, exist_ok=True)
    unfinished = truth / "world.json.unfinished"
    unfinished.write_text(json.dumps(asdict(plan)))
    unfinished.rename(truth / "world.json")


def make_plan(truth: Path, seed: int, customers: int, months: int, until: datetime | None, now: datetime) -> Plan:
    """The remembered world where it is the same one and no end is given, or the same end and it was not reached; else a new one
    that ends then, or now."""
    known = read_plan(truth)
    same = known is not None and (known.seed, known.customers, known.months) == (seed, customers, months)
    if same and (until is None or known.sent_until < known.end == milliseconds(until)):
        return known
    end = until or now
    start = milliseconds(months_before(end, months))
    return Plan(seed, customers, months, start, milliseconds(end), start)


def run(settings: Settings, seed: int, customers: int, months: int, until: datetime | None, now: datetime, dirt: float) -> None:
    plan = make_plan(settings.truth, seed, customers, months, until, now)
    finish = milliseconds(until or now)
    world = plan.world()
    write_truth(settings.truth, world)
    with Sender(settings, tuple(stream.source for stream in STREAMS)) as sender:
        write_plan(settings.truth, plan)
        written = write_rows(settings, CUSTOMERS, shop_rows(world.customers, finish))
        write_rows(settings, EXPERIMENTS, world.trials.rows())
        write_rows(settings, SURVEYS, survey_rows(world.customers, finish))
        _send(settings, plan, world, finish, dirt, sender, f"history: {written:,} customers")


def _send(settings: Settings, plan: Plan, world: World, finish: int, dirt: float, sender: Sender, title: str) -> None:
    """The plan is written whenever what was sent so far is delivered and in the ledger: there the next run goes on.
    KeyboardInterrupt where a signal stopped it, after the day it came in."""
    soiled = Soiled(plan, world, dirt)
    stopped, unsafe = False, 0
    with (
        until_signal() as stop,
        Ledger(settings.truth, history_run(plan.prefix, plan.sent_until)) as ledger,
        Meter(title, total=finish - plan.sent_until) as meter,
    ):
        for events in world.days(finish, since=plan.sent_until):
            stopped = stop.wanted
            safe = stopped or events.reached == finish or unsafe >= CHECKPOINT_RECORDS
            batches = soiled.day(events) + (soiled.rest() if safe else [])
            for records in batches:
                sender.send(records)
                ledger.add(records)
            sent = sum(map(len, batches))
            unsafe += sent
            note = f"{moment(events.reached):%Y-%m-%d}, {sender.undelivered:,} errors"
            meter.add(sent, done=events.reached - plan.sent_until, note=note)
            if safe:
                sender.deliver()
                ledger.flush()
                write_plan(settings.truth, replace(plan, sent_until=events.reached))
                unsafe = 0
            if stopped:
                break
    if stopped:
        raise KeyboardInterrupt


class Soiled:
    """A world's days as records of both streams, with their dirt."""

    def __init__(self, plan: Plan, world: World, level: float) -> None:
        self._seed, self._level = plan.seed, level
        self._encoder = Encoder(world.catalogues, len(world.customers), plan.prefix)
        self._dirts = {stream: Dirt(plan.seed + number, level) for number, stream in enumerate(STREAMS)}

    def day(self, events: Events) -> list[Records]:
        made = web_records(self._encoder, events.web, self._seed, self._level), self._encoder.purchases(events.purchases)
        return [self._dirts[records.stream].soil(records) for records in made]

    def rest(self) -> list[Records]:
        """What is still held back."""
        return [dirt.rest(stream) for stream, dirt in self._dirts.items()]

"""A year of the shop at full speed: customers to Postgres, their events to Kafka.

The world is remembered beside the ledger: run again with the same seed, customers and months, history sends what happened
since, also where that run was stopped. With an end of its own (``until``) it sends the whole window, each time with the same
ids.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from contracts.settings import Settings
from contracts.tables import CUSTOMERS, EXPERIMENTS, SURVEYS
from contracts.topics import STREAMS
from generators.clock import milliseconds, moment, months_before
from generators.dirt import Dirt
from generators.encode import Encoder
from generators.ledger import Ledger
from generators.people import shop_rows
from generators.progress import Meter
from generators.records import Records, namespace
from generators.send import Sender
from generators.shop import write_rows
from generators.skew import web_records
from generators.stop import Stop, until_signal
from generators.surveys import survey_rows
from generators.truth import write_truth
from generators.world import World

# What was sent is safe after so many seconds: a run that is killed repeats no more than that.
CHECKPOINT_SECONDS = 15


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
    """The plan is written whenever what was sent so far is delivered and in the ledger: there the next run goes on."""
    with (
        until_signal() as stop,
        Ledger(settings.truth, f"history-{plan.prefix}-{plan.sent_until}") as ledger,
        Meter(title, total=finish - plan.sent_until) as meter,
    ):
        since = time.monotonic()
        for records, reached in soiled(plan, world, finish, dirt, stop):
            for each in records:
                sender.send(each)
                ledger.add(each)
            count = sum(map(len, records))
            meter.add(count, done=reached - plan.sent_until, note=f"{moment(reached):%Y-%m-%d}, {sender.undelivered:,} errors")
            if reached == finish or stop.wanted or time.monotonic() - since > CHECKPOINT_SECONDS:
                sender.deliver()
                ledger.flush()
                write_plan(settings.truth, replace(plan, sent_until=reached))
                since = time.monotonic()
    if reached < finish:
        raise KeyboardInterrupt


def soiled(plan: Plan, world: World, until: int, level: float, stop: Stop) -> Iterator[tuple[list[Records], int]]:
    """Records of both streams day by day, with the time reached: what happened after ``plan.sent_until`` up to ``until``, or up
    to the day in which it is stopped. The last ones hold what dirt had held back."""
    encoder = Encoder(world.catalogues, len(world.customers), plan.prefix)
    dirts = {stream: Dirt(plan.seed + number, level) for number, stream in enumerate(STREAMS)}
    for events in world.days(until, since=plan.sent_until):
        made = [web_records(encoder, events.web, plan.seed, level), encoder.purchases(events.purchases)]
        records = [dirts[each.stream].soil(each) for each in made]
        if last := events.reached == until or stop.wanted:
            records += [dirts[stream].rest(stream) for stream in STREAMS]
        yield records, events.reached
        if last:
            return

"""A year of the shop at full speed: customers to Postgres, their events to Kafka.

The world is remembered beside the ledger: run again with the same seed, customers and months, history sends what happened
since. With an end of its own (``until``) it sends the whole window, each time with the same ids.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.settings import Settings
from contracts.topics import STREAMS
from generators.clock import milliseconds, moment, months_before
from generators.customers import Customers, customer_id
from generators.dirt import Dirt
from generators.encode import Encoder
from generators.ledger import Ledger
from generators.people import shop_rows
from generators.progress import Meter
from generators.records import Records, namespace
from generators.segments import SEGMENTS
from generators.send import Sender
from generators.shop import write_customers
from generators.world import World


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
    """The remembered world where it is the same one and no end is given; else a new one that ends then, or now."""
    known = read_plan(truth)
    if until is None and known and (known.seed, known.customers, known.months) == (seed, customers, months):
        return known
    end = until or now
    start = milliseconds(months_before(end, months))
    return Plan(seed, customers, months, start, milliseconds(end), start)


def run(settings: Settings, seed: int, customers: int, months: int, until: datetime | None, now: datetime, dirt: float) -> None:
    plan = make_plan(settings.truth, seed, customers, months, until, now)
    finish = milliseconds(until or now)
    world = plan.world()
    with Sender(settings, tuple(stream.source for stream in STREAMS)) as sender:
        write_plan(settings.truth, plan)
        written = write_customers(settings, shop_rows(world.customers, finish))
        write_truth(settings.truth, world.customers)
        _send(settings, plan, world, finish, dirt, sender, f"history: {written:,} customers")
    write_plan(settings.truth, replace(plan, sent_until=finish))


def _send(settings: Settings, plan: Plan, world: World, finish: int, dirt: float, sender: Sender, title: str) -> None:
    with (
        Ledger(settings.truth, f"history-{plan.prefix}-{plan.sent_until}") as ledger,
        Meter(title, total=finish - plan.sent_until) as meter,
    ):
        for records, reached in soiled(plan, world, finish, dirt):
            sender.send(records)
            ledger.add(records)
            meter.add(len(records), done=reached - plan.sent_until, note=f"{moment(reached):%Y-%m-%d}")


def soiled(plan: Plan, world: World, until: int, level: float) -> Iterator[tuple[Records, int]]:
    """Records of both streams day by day, with the time reached: what happened after ``plan.sent_until`` up to ``until``."""
    encoder = Encoder(world.catalogue, len(world.customers), plan.prefix)
    dirts = {stream.source: Dirt(plan.seed + number, level) for number, stream in enumerate(STREAMS)}
    for events in world.days(until, since=plan.sent_until):
        for records in (encoder.web(events.web), encoder.purchases(events.purchases)):
            if len(records):
                yield dirts[records.stream.source].soil(records), records.times[-1]
    for stream in STREAMS:
        yield dirts[stream.source].rest(stream), until


def write_truth(truth: Path, customers: Customers) -> None:
    """The planted parameters of every customer: what an analysis should find and never sees."""
    names = np.array([segment.name for segment in SEGMENTS])
    table = pa.table(
        {
            "customer_id": [customer_id(number) for number in range(len(customers))],
            "segment": names[customers.segment],
            "registered_at": pa.array(customers.registered, pa.timestamp("ms", tz="UTC")),
            "left_at": pa.array(customers.left, pa.timestamp("ms", tz="UTC")),
            "purchases_per_day": customers.rate,
            "dropout": customers.dropout,
            "spend_rate": customers.spend_rate,
        }
    )
    pq.write_table(table, truth / "customers.parquet")

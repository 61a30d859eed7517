"""The simulated shop straight into the warehouse, without the stream: ``python -m bench.world --customers 5000 --months 12``.

What Kafka, Flink and the sink would leave in the raw tables, for measurements of what comes after them. The planted truth goes
where a demo leaves it.
"""

import argparse
import sys
from datetime import UTC, datetime

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from contracts.settings import settings
from contracts.tables import DELETED, EXPERIMENTS, RAW_PURCHASE_EVENTS, RAW_WEB_EVENTS, VERSION
from contracts.topics import WEB
from generators.clock import milliseconds, months_before
from generators.encode import Encoder
from generators.history import Plan, write_plan
from generators.people import shop_rows
from generators.truth import write_truth
from generators.world import World

ROWS = 200_000
READING = {"date_time_input_format": "best_effort", "input_format_skip_unknown_fields": 1}
SHOP_COLUMNS = ("customer_id", "country", "channel", "device", "registered_at", "updated_at", "_lsn", "_deleted")


def load(client: Client, customers: int, months: int, seed: int = 1) -> int:
    """Web events written; truth and plan go to ``settings().truth``."""
    end = milliseconds(datetime.now(UTC))
    start = milliseconds(months_before(datetime.now(UTC), months))
    plan = Plan(seed, customers, months, start, end, end)
    world = plan.world()
    write_truth(settings().truth, world)
    write_plan(settings().truth, plan)
    _shop(client, world, end)
    encoder, waiting, events = Encoder(world.catalogues, customers, plan.prefix), {True: [], False: []}, 0
    for day in world.days(end):
        for records in (encoder.web(day.web), encoder.purchases(day.purchases)):
            waiting[records.stream is WEB] += records.values
            events += len(records) if records.stream is WEB else 0
            _flush(client, records.stream is WEB, waiting, ROWS)
    for web in (True, False):
        _flush(client, web, waiting, 1)
    return events


def _flush(client: Client, web: bool, waiting: dict[bool, list[bytes]], at_least: int) -> None:
    if len(waiting[web]) >= at_least:
        table = RAW_WEB_EVENTS if web else RAW_PURCHASE_EVENTS
        client.raw_insert(table.qualified, insert_block=b"\n".join(waiting[web]), fmt="JSONEachRow", settings=READING)
        waiting[web] = []


def _shop(client: Client, world: World, end: int) -> None:
    """The replicas of the shop's customers and experiments, by their first change."""
    customers = [(row[0], *row[5:10], number, 0) for number, row in enumerate(shop_rows(world.customers, end))]
    client.insert("raw.customers", customers, column_names=SHOP_COLUMNS)
    experiments = [(*row, number, 0) for number, row in enumerate(world.trials.rows())]
    names = [column.name for column in (*EXPERIMENTS.columns, VERSION, DELETED)]
    client.insert("raw.experiments", experiments, column_names=names)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.world", description="The simulated shop straight into the warehouse.")
    parser.add_argument("--customers", type=int, default=5000)
    parser.add_argument("--months", type=int, default=12)
    given = parser.parse_args()
    s = settings()
    client = clickhouse_connect.get_client(
        host=s.host("CLICKHOUSE"), port=s.port("CLICKHOUSE"), username=s.clickhouse.user, password=s.clickhouse.password
    )
    print(f"{load(client, given.customers, given.months):,} web events")


if __name__ == "__main__":
    sys.exit(main())

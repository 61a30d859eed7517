"""The usual way beside ours, on one backlog: a job for each table, a flush for each row (``bench.usual_jobs``)."""

import math
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from bench.throughput import STOP_SECONDS, caught_up, generate
from contracts.settings import ROOT, settings
from contracts.tables import CUSTOMER_DAYS, LIVE_TABLES, SESSIONS, WEB_MINUTE_METRICS
from flink_jobs.submit import stop, submit
from runner import flink
from runner.tools import python
from verify.settle import flink_lag, settle

SCHEMA = "usual"
# Those that web events change, and the column that counts them.
TABLES = {SESSIONS: "events", WEB_MINUTE_METRICS: "events", CUSTOMER_DAYS: "changes"}
START_SECONDS = 300
WATCHED_SECONDS = 60


def usual(events: int) -> dict[str, object]:
    """Events a second of a backlog of web events that all happen now: of each table's job, of the slowest, of ours."""
    settle()
    stop()
    since = int(time.time() * 1000)
    generate("web_events", "--rate", "max", "--events", str(events), "--seed", "905")
    records = flink_lag()
    try:
        with tables(), jobs(since) as log:
            rates = watched(log)
    finally:
        submit()
    ours = records / caught_up()
    return {
        "by_table_events_per_second": {name: round(rate) for name, rate in rates.items()},
        "events_per_second": round(min(rates.values())),
        "ours_events_per_second": round(ours),
        "ratio": round(ours / min(rates.values()), 1),
        "command": f"make bench: generators web_events --rate max --events {events}, then a job a table with a flush a row for "
        f"{WATCHED_SECONDS} s, then the job of the project until the backlog is written",
    }


@contextmanager
def tables() -> Iterator[None]:
    """Tables like the live ones, which nobody replicates and no trigger guards."""
    schema = sql.Identifier(SCHEMA)
    drop = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(schema)
    with psycopg.connect(settings().postgres_dsn("postgres"), autocommit=True) as shop:
        shop.execute(drop)
        shop.execute(sql.SQL("CREATE SCHEMA {} AUTHORIZATION flink").format(schema))
        for table in LIVE_TABLES:
            name, like = sql.Identifier(SCHEMA, table.name), sql.Identifier(table.schema, table.name)
            shop.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(name, like))
            shop.execute(sql.SQL("ALTER TABLE {} OWNER TO flink").format(name))
        try:
            yield
        finally:
            shop.execute(drop)


@contextmanager
def jobs(since: int) -> Iterator[Path]:
    """A Flink of their own, without the cluster's limits, until the block ends; where it writes."""
    log = settings().var / "log" / "bench-usual.log"
    environment = flink.environment() | {
        "FLINK_OPT_DIR": str(flink.home() / "opt"), "FLINK_PLUGINS_DIR": str(flink.home() / "plugins"),
    }  # fmt: skip
    command = [python("flink"), "-m", "bench.usual_jobs", str(since), SCHEMA]
    with log.open("w") as output:
        running = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=output, stderr=output)
        try:
            yield log
        finally:
            try:
                running.communicate(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


def watched(log: Path) -> dict[str, float]:
    """By table: events that its rows have counted a second, from its first to its last growth within WATCHED_SECONDS after all
    have begun. The offsets would tell less: a checkpoint waits behind thousands of rows that each wait for their commit."""
    seen: dict[str, list[tuple[float, int]]] = {table.name: [] for table in TABLES}
    deadline = time.monotonic() + START_SECONDS
    end = math.inf
    while (now := time.monotonic()) < end:
        for name, events in counted().items():
            if events and (not seen[name] or events > seen[name][-1][1]):
                seen[name].append((now, events))
        if silent := [name for name, growth in seen.items() if not growth]:
            if now > deadline:
                raise RuntimeError(f"the usual way: nothing in {', '.join(silent)} within {START_SECONDS} s: see {log}")
        elif end == math.inf:
            end = now + WATCHED_SECONDS
        time.sleep(1)
    return {name: rate(growth) for name, growth in seen.items()}


def rate(growth: list[tuple[float, int]]) -> float:
    """Events a second from the first of these (second, events so far) to the last."""
    (first, before), (last, after) = growth[0], growth[-1]
    if last == first:
        raise RuntimeError(f"{after:,} events and no more: too few to see how fast they came")
    return (after - before) / (last - first)


def counted() -> dict[str, int]:
    """Events that each table's rows have counted."""
    with psycopg.connect(settings().postgres_dsn("postgres")) as shop:
        return {
            table.name: int(shop.execute(
                sql.SQL("SELECT coalesce(sum({}), 0) FROM {}").format(sql.Identifier(column), sql.Identifier(SCHEMA, table.name))
            ).fetchone()[0])  # type: ignore[index]
            for table, column in TABLES.items()
        }  # fmt: skip

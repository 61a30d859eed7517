"""The usual way beside ours, on one backlog: a job for each table, a flush for each row (``bench.usual_jobs``)."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from bench.throughput import CATCH_UP_SECONDS, generate
from contracts.settings import ROOT, settings
from contracts.tables import CUSTOMER_DAYS, LIVE_TABLES, SESSIONS, WEB_MINUTE_METRICS
from contracts.topics import WEB
from flink_jobs import INTAKE
from flink_jobs.submit import running_since, stop, submit
from runner import flink
from runner.tools import python
from verify.settle import flink_lag, lag, settle, wait_for_flink

SCHEMA = "usual"
# Those that web events change.
TABLES = (SESSIONS, WEB_MINUTE_METRICS, CUSTOMER_DAYS)
START_SECONDS = 300
WATCHED_SECONDS = 60


def usual(events: int) -> dict[str, object]:
    """Events a second of a backlog of web events that all happen now: of each table's job, of the slowest, of ours."""
    settle()
    stop()
    since = int(time.time() * 1000)
    generate("web_events", "--rate", "max", "--events", str(events), "--seed", "905")
    records = flink_lag()
    with tables(), jobs(since) as log:
        rates = watched(log)
    submit()
    wait_for_flink(time.monotonic() + CATCH_UP_SECONDS, lambda text: print(text, flush=True))
    ours = records / (time.time() - running_since(INTAKE))
    return {
        "by_table_events_per_second": {name: round(rate) for name, rate in rates.items()},
        "events_per_second": round(min(rates.values())),
        "ours_events_per_second": round(ours),
        "ratio": round(ours / min(rates.values()), 1),
        "command": f"make bench: generators web_events --rate max --events {events}, then a job a table with a flush a row for "
        f"{WATCHED_SECONDS} s, then both jobs of the project until the backlog is written",
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
            running.communicate(timeout=60)


def watched(log: Path) -> dict[str, float]:
    """By table: records that its job has written a second, between the first checkpoint that is seen and the last."""
    seen: dict[str, list[tuple[float, int]]] = {table.name: [] for table in TABLES}
    waiting = {name: lag(f"{SCHEMA}-{name}", [WEB.source]) for name in seen}
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        for name, found in seen.items():
            left = lag(f"{SCHEMA}-{name}", [WEB.source])
            if left != (found[-1][1] if found else waiting[name]):
                found.append((time.monotonic(), left))
        if all(seen.values()):
            end = min(end, max(found[0][0] for found in seen.values()) + WATCHED_SECONDS)
        time.sleep(1)
    if silent := [name for name, found in seen.items() if len(found) < 2]:
        raise RuntimeError(f"the usual way: no two checkpoints of {', '.join(silent)} within {START_SECONDS} s: see {log}")
    return {name: (found[0][1] - found[-1][1]) / (found[-1][0] - found[0][0]) for name, found in seen.items()}

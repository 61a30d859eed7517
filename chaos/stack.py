"""What a fault may do to the running stack, and how one sees that events flow again."""

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime

import psycopg

from contracts.settings import settings
from contracts.tables import RAW_WEB_EVENTS, WEB_MINUTE_METRICS
from flink_jobs import JOBS
from flink_jobs.submit import running
from runner.control import Control
from verify.stores import shop, warehouse


class NotRecoveredError(RuntimeError):
    """Events do not flow again by the deadline; the message says where they stopped."""


def kill(service: str) -> None:
    """kill -9 of the service's process; its supervisor is not told."""
    os.kill(Control().process(service).pid, signal.SIGKILL)


def away(service: str, seconds: float) -> None:
    """Stopped, and started again after a while."""
    control = Control()
    control.stop(service)
    time.sleep(seconds)
    control.start(service)


def database() -> psycopg.Connection:
    """The shop's database as its owner."""
    return psycopg.connect(settings().postgres_dsn("postgres"), autocommit=True)


def newest() -> tuple[datetime, datetime]:
    """Time of the newest web event that has reached Postgres, and ClickHouse."""
    never = datetime(1970, 1, 1, tzinfo=UTC)
    with shop("postgres") as connection:
        row = connection.execute(f"SELECT max(last_event_at) FROM {WEB_MINUTE_METRICS.qualified}").fetchone()  # type: ignore[arg-type]
    found = warehouse().query(f"SELECT max(event_time) FROM {RAW_WEB_EVENTS.qualified}").first_row[0]
    return (row and row[0]) or never, found.replace(tzinfo=UTC)


def wait_until(what: str, holds: Callable[[], bool], seconds: float) -> float:
    """Seconds until it holds. What raises does not hold yet: its service may be away. NotRecoveredError after the deadline."""
    began, last = time.monotonic(), "it does not hold"
    while True:
        try:
            if holds():
                return time.monotonic() - began
        except Exception as error:
            last = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        if time.monotonic() - began > seconds:
            raise NotRecoveredError(f"{what}: not within {seconds:.0f} s; {last}")
        time.sleep(0.5)


def flows(since: datetime) -> bool:
    """An event younger than this is in Postgres and in ClickHouse, and both jobs run."""
    postgres, clickhouse = newest()
    return min(postgres, clickhouse) > since and all(map(running, JOBS))

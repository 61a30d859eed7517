"""The faults by name: each breaks something in the running stack and returns when it is broken or was.

After every one of them the stack must come back by itself, with nothing missing and nothing twice in what people read.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from random import Random

import requests

from cdc.snapshot import snapshot_again
from chaos.stack import away, database, drop_slot, full_disk, kill, wait_until
from contracts.settings import settings
from contracts.tables import CUSTOMERS, RAW_DATABASE, RAW_WEB_EVENTS
from contracts.topics import CDC_CONNECTOR
from flink_jobs import JOBS
from flink_jobs.state import state_folder
from flink_jobs.submit import checkpoint, checkpoints, running
from verify.slot import slot
from verify.stores import warehouse

Fault = Callable[[Random], None]
KILLED = (
    "kafka", "connect", "flink-jobmanager", "flink-taskmanager", "postgres", "clickhouse", "clickhouse-sink", "minio",
)  # fmt: skip
AWAY_SECONDS = 60
REPLICATED_SECONDS = 60
CHECKPOINT_SECONDS = 120


def killed(service: str, dice: Random) -> None:
    time.sleep(dice.uniform(0, 5))
    kill(service)


def broker_away(dice: Random) -> None:
    away("kafka", AWAY_SECONDS)


def postgres_restarted_in_a_checkpoint(dice: Random) -> None:
    checkpoint()
    time.sleep(dice.uniform(0, 0.3))
    away("postgres", 1)


def checkpoints_find_no_room(dice: Random) -> None:
    """The jobs go on over checkpoints that fail, and the first after there is room again holds everything."""
    folders = [state_folder(settings(), job) / "checkpoints" / running(job) for job in JOBS]
    failed, completed = checkpoints("failed"), checkpoints("completed")
    with ExitStack() as full:
        for folder in folders:
            full.enter_context(full_disk(folder))
        wait_until("a failed checkpoint of each job", lambda: _more("failed", failed), CHECKPOINT_SECONDS)
    wait_until("a checkpoint of each job", lambda: _more("completed", completed), CHECKPOINT_SECONDS)


def _more(state: str, before: dict[str, int]) -> bool:
    checkpoint()
    return all(count > before[job] for job, count in checkpoints(state).items())


def sink_killed_after_an_insert(dice: Random) -> None:
    """Between the insert and the commit of its offsets: rows have just become visible."""
    count = f"SELECT count() FROM {RAW_WEB_EVENTS.qualified}"
    client = warehouse()
    before = client.query(count).first_row
    deadline = time.monotonic() + 30
    while client.query(count).first_row == before:
        if time.monotonic() > deadline:
            raise RuntimeError("the sink inserted nothing for 30 s: is anything sent?")
        time.sleep(0.005)
    kill("clickhouse-sink")


def task_failed(dice: Random) -> None:
    """Debezium's task loses its connection to Postgres."""
    with database() as connection:
        connection.execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active_pid IS NOT NULL")


def slot_dropped(dice: Random) -> None:
    """The alarm is invariant I8; rows deleted while nobody listens must not live on in the warehouse."""
    drop_slot()
    with database() as connection:
        one = connection.execute(f"SELECT customer_id FROM {CUSTOMERS.qualified} ORDER BY random() LIMIT 1").fetchone()
        connection.execute(f"DELETE FROM {CUSTOMERS.qualified} WHERE customer_id = %s", one)  # type: ignore[arg-type]
    if slot().holds:
        raise RuntimeError("I8 holds although the replication slot is gone")
    snapshot_again()


def column_added(dice: Random) -> None:
    """A column that the contracts do not know: what they know flows on."""
    name = f"added_{dice.randrange(10**9)}"
    with database() as connection:
        connection.execute(f"ALTER TABLE {CUSTOMERS.qualified} ADD COLUMN {name} integer DEFAULT 7")  # type: ignore[arg-type]
        connection.execute(f"UPDATE {CUSTOMERS.qualified} SET updated_at = now() WHERE random() < 0.01")  # type: ignore[arg-type]
        time.sleep(2)
        connection.execute(f"ALTER TABLE {CUSTOMERS.qualified} DROP COLUMN {name}")  # type: ignore[arg-type]


def customer_deleted(dice: Random) -> None:
    with database() as connection:
        one = connection.execute(
            f"DELETE FROM {CUSTOMERS.qualified} WHERE customer_id = (SELECT max(customer_id) FROM {CUSTOMERS.qualified})"
            " RETURNING customer_id"
        ).fetchone()
    if one is None:
        raise RuntimeError("the shop has no customers: run `make demo` first")
    count = f"SELECT count() FROM {RAW_DATABASE}.{CUSTOMERS.name} FINAL WHERE customer_id = %(customer)s"
    gone = {"customer": one[0]}
    wait_until("the deletion in ClickHouse", lambda: warehouse().query(count, gone).first_row[0] == 0, REPLICATED_SECONDS)


def connector_restarted(dice: Random) -> None:
    requests.post(
        f"{settings().url('CONNECT')}/connectors/{CDC_CONNECTOR}/restart", params={"includeTasks": "true"}, timeout=30
    ).raise_for_status()


FAULTS: dict[str, Fault] = {
    **{f"kill -9 {service}": partial(killed, service) for service in KILLED},
    f"broker down for {AWAY_SECONDS} s": broker_away,
    "Postgres restarted in a checkpoint": postgres_restarted_in_a_checkpoint,
    "disk full under the checkpoints": checkpoints_find_no_room,
    "sink killed between insert and commit": sink_killed_after_an_insert,
    "Debezium loses its connection": task_failed,
    "connector restarted": connector_restarted,
    "replication slot dropped": slot_dropped,
    "ALTER TABLE ADD COLUMN while events flow": column_added,
    "DELETE of a customer": customer_deleted,
}

"""The faults by name: each breaks something in the running stack and returns when it is broken or was.

After every one of them the stack must come back by itself, with nothing missing and nothing twice in what people read. Where
something is to stay broken until that is shown, the fault returns what mends it.
"""

import time
from collections.abc import Callable
from functools import partial
from random import Random

import psycopg
import requests

from cdc.snapshot import snapshot_again
from chaos import canary
from chaos.clock import Clock
from chaos.stack import SkippedError, away, database, drop_slot, full_disk, kill, lose, one_of, recovery_seconds, wait_until, well
from contracts.settings import settings
from contracts.tables import CUSTOMERS, RAW_DATABASE, RAW_WEB_EVENTS, VERSION
from contracts.topics import CDC_CONNECTOR
from flink_jobs.state import state_folder
from flink_jobs.submit import checkpoint, checkpoints, running
from runner import flink
from runner.control import Control
from verify.slot import slot
from verify.stores import warehouse

Mend = Callable[[], None]
Fault = Callable[[Random], Mend | None]
KILLED = (
    "kafka", "connect", "flink-jobmanager", "flink-taskmanager", "postgres", "clickhouse", "clickhouse-sink", "minio",
)  # fmt: skip
CLOCKS = ("flink-taskmanager", "kafka")
AWAY_SECONDS = 60
HOUR = 3600
REPLICATED_SECONDS = 60
CHECKPOINT_SECONDS = 120


def killed(kind: str, dice: Random) -> None:
    time.sleep(dice.uniform(0, 5))
    kill(one_of(kind, dice))


def broker_away(dice: Random) -> None:
    away(one_of("kafka", dice), AWAY_SECONDS)


def machine_lost(dice: Random) -> Mend:
    """A broker and a TaskManager at once, and they stay away while the others are held to account."""
    s = settings()
    slots = flink.slots(s) * (s.task_managers - 1)
    if len(s.brokers) == 1 or slots < s.parallelism:
        raise SkippedError("takes KAFKA_BROKERS=3, FLINK_TASKMANAGERS=2 and FLINK_SLOTS for all tasks on one of them")
    lost = one_of("kafka", dice), one_of("flink-taskmanager", dice)
    for service in lost:
        lose(service)
    return lambda: returned(*lost)


def returned(*lost: str) -> None:
    for service in lost:
        Control().start(service)
    for service in lost:
        wait_until(f"{service} again", lambda service=service: well(service), recovery_seconds())


def clock_moved(kind: str, dice: Random) -> Mend:
    """Ahead by an hour and back; events flow before, between and after. A restart at either end, for the library's sake."""
    clock = Clock(one_of(kind, dice))
    try:
        for seconds in (0, HOUR, 0):
            clock.set(seconds)
            name = canary.send()
            wait_until(f"an event with the clock {seconds} s ahead", partial(canary.arrived, name), recovery_seconds())
    except BaseException:
        clock.release()
        raise
    return clock.release


def postgres_restarted_in_a_checkpoint(dice: Random) -> None:
    checkpoint()
    time.sleep(dice.uniform(0, 0.3))
    away("postgres", 1)


def checkpoints_find_no_room(dice: Random) -> None:
    """The job goes on over checkpoints that fail, and the first after there is room again holds everything."""
    failed, completed = checkpoints("failed"), checkpoints("completed")
    with full_disk(state_folder(settings()) / "checkpoints" / running()):
        wait_until("a failed checkpoint", lambda: _more("failed", failed), CHECKPOINT_SECONDS)
    wait_until("a checkpoint", lambda: _more("completed", completed), CHECKPOINT_SECONDS)


def _more(state: str, before: int) -> bool:
    checkpoint()
    return checkpoints(state) > before


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
    with database() as connection:
        one = some_customer(connection)
        drop_slot()
        try:
            connection.execute(f"DELETE FROM {CUSTOMERS.qualified} WHERE customer_id = %s", (one,))  # type: ignore[arg-type]
            if slot().holds:
                raise RuntimeError("I8 holds although the replication slot is gone")
        finally:
            snapshot_again()


def column_added(dice: Random) -> None:
    """A column that the contracts do not know: what they know flows on."""
    name = f"added_{dice.randrange(10**9)}"
    with database() as connection:
        one = some_customer(connection)
        before = newest_change(one)
        connection.execute(f"ALTER TABLE {CUSTOMERS.qualified} ADD COLUMN {name} integer DEFAULT 7")  # type: ignore[arg-type]
        try:
            changed = f"UPDATE {CUSTOMERS.qualified} SET updated_at = now() WHERE customer_id = %s OR random() < 0.01"
            connection.execute(changed, (one,))  # type: ignore[arg-type]
            wait_until("the changed row in ClickHouse", lambda: newest_change(one) > before, REPLICATED_SECONDS)
        finally:
            connection.execute(f"ALTER TABLE {CUSTOMERS.qualified} DROP COLUMN {name}")  # type: ignore[arg-type]


def customer_deleted(dice: Random) -> None:
    with database() as connection:
        one = some_customer(connection)
        connection.execute(f"DELETE FROM {CUSTOMERS.qualified} WHERE customer_id = %s", (one,))  # type: ignore[arg-type]
    count = f"SELECT count() FROM {RAW_DATABASE}.{CUSTOMERS.name} FINAL WHERE customer_id = %(customer)s"
    gone = {"customer": one}
    wait_until("the deletion in ClickHouse", lambda: warehouse().query(count, gone).first_row[0] == 0, REPLICATED_SECONDS)


def some_customer(connection: psycopg.Connection) -> str:
    """RuntimeError where the shop has none: before anything is broken, so that the next fault finds the stack whole."""
    query = f"SELECT customer_id FROM {CUSTOMERS.qualified} ORDER BY random() LIMIT 1"
    if row := connection.execute(query).fetchone():  # type: ignore[arg-type]
        return str(row[0])
    raise RuntimeError("the shop has no customers: run `make demo` first")


def newest_change(customer: str) -> int:
    """The version of a customer's newest row in the warehouse; 0 where it has none."""
    query = f"SELECT max({VERSION.name}) FROM {RAW_DATABASE}.{CUSTOMERS.name} WHERE customer_id = %(customer)s"
    return int(warehouse().query(query, {"customer": customer}).first_row[0])


def connector_restarted(dice: Random) -> None:
    requests.post(
        f"{settings().url('CONNECT')}/connectors/{CDC_CONNECTOR}/restart", params={"includeTasks": "true"}, timeout=30
    ).raise_for_status()


FAULTS: dict[str, Fault] = {
    **{f"kill -9 {service}": partial(killed, service) for service in KILLED},
    f"broker down for {AWAY_SECONDS} s": broker_away,
    "a broker and a TaskManager lost": machine_lost,
    **{f"clock of {service} an hour ahead, and back": partial(clock_moved, service) for service in CLOCKS},
    "Postgres restarted in a checkpoint": postgres_restarted_in_a_checkpoint,
    "disk full under the checkpoints": checkpoints_find_no_room,
    "sink killed between insert and commit": sink_killed_after_an_insert,
    "Debezium loses its connection": task_failed,
    "connector restarted": connector_restarted,
    "replication slot dropped": slot_dropped,
    "ALTER TABLE ADD COLUMN while events flow": column_added,
    "DELETE of a customer": customer_deleted,
}

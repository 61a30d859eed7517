"""What is read off each part. One that does not answer gives ``source_up`` 0 and no figures; the others are read all the same."""

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import requests

from contracts.settings import settings
from contracts.tables import LIVE_PURCHASES, RAW_DEAD_LETTERS, RAW_PURCHASE_EVENTS, RAW_TABLES, RAW_WEB_EVENTS, WEB_MINUTE_METRICS
from contracts.topics import CDC_CONNECTOR, CDC_SLOT, FLINK_GROUP, SINK_GROUP, STREAMS
from flink_jobs import JOB
from runner.control import Control, socket_path
from verify.settle import lag
from verify.stores import shop, warehouse

log = logging.getLogger(__name__)
TIMEOUT_SECONDS = 5
# A store that is busy may take so long for a figure.
QUERY_SECONDS = 30
FLINK_METRICS = {
    "numRestarts": "flink_restarts",
    "lastCheckpointDuration": "flink_last_checkpoint_ms",
    "lastCheckpointSize": "flink_last_checkpoint_bytes",
    "numberOfFailedCheckpoints": "flink_failed_checkpoints",
}
DOCS = {
    "look_age_seconds": "Seconds since the other figures were read.",
    "source_up": "1 where the part answered.",
    "process_running": "1 while the supervisor has the process running.",
    "process_uptime_seconds": "Seconds since the process was started.",
    "flink_job_running": "1 while all tasks of the job run.",
    **dict.fromkeys(FLINK_METRICS.values(), "As Flink's REST interface gives it."),
    "kafka_lag_records": "Records between a group's committed offsets and the ends of its topics.",
    "connect_task_running": "1 while the connector and its task run.",
    "slot_active": "1 while somebody reads the replication slot.",
    "slot_retained_bytes": "WAL that the replication slot keeps.",
    "freshness_seconds": "Seconds since the newest event that has reached the hop, by its own time.",
    "dead_letters": "Records set aside, by stream and reason.",
}


@dataclass(frozen=True)
class Reading:
    """One figure of now; its name is one of DOCS."""

    name: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)


def processes() -> Iterable[Reading]:
    """Of supervisord; in containers there is none, and their engine holds the processes."""
    if not socket_path().exists():
        return
    now = time.time()
    for each in Control().processes().values():
        running = each.state == "RUNNING"
        yield Reading("process_running", running, {"process": each.name})
        yield Reading("process_uptime_seconds", now - each.started if running else 0, {"process": each.name})


def flink() -> Iterable[Reading]:
    url = settings().url("FLINK")
    jobs = _json(f"{url}/jobs/overview")["jobs"]
    found = [each for each in jobs if each["name"] == JOB and each["state"] == "RUNNING"]
    tasks = found[0]["tasks"] if found else {"running": 0, "total": -1}
    yield Reading("flink_job_running", tasks["running"] == tasks["total"], {"job": JOB})
    for each in found[:1]:
        for metric in _json(f"{url}/jobs/{each['jid']}/metrics?get={','.join(FLINK_METRICS)}"):
            yield Reading(FLINK_METRICS[metric["id"]], float(metric["value"]), {"job": JOB})


def kafka() -> Iterable[Reading]:
    groups = {
        FLINK_GROUP: [topic for stream in STREAMS for topic in (stream.source, stream.retried)],
        SINK_GROUP: [topic for table in RAW_TABLES for topic in table.topics],
    }
    for group, topics in groups.items():
        yield Reading("kafka_lag_records", lag(group, topics), {"group": group})


def connect() -> Iterable[Reading]:
    status = _json(f"{settings().url('CONNECT')}/connectors/{CDC_CONNECTOR}/status")
    states = [part["state"] for part in (status["connector"], *status["tasks"])]
    yield Reading("connect_task_running", len(states) > 1 and set(states) == {"RUNNING"})


def postgres() -> Iterable[Reading]:
    slot = f"""SELECT active, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)
               FROM pg_replication_slots WHERE slot_name = '{CDC_SLOT}'"""
    age = "SELECT extract(epoch FROM now() - max({column})) FROM {table}"
    newest = {"Postgres, web": (WEB_MINUTE_METRICS, "last_event_at"), "Postgres, purchases": (LIVE_PURCHASES, "updated_at")}
    with shop(query_seconds=QUERY_SECONDS) as connection:
        row = connection.execute(slot).fetchone() or (False, 0)  # type: ignore[arg-type]
        yield Reading("slot_active", bool(row[0]))
        yield Reading("slot_retained_bytes", float(row[1]))
        for hop, (table, column) in newest.items():
            seconds = connection.execute(age.format(column=column, table=table.qualified)).fetchone()[0]  # type: ignore[call-overload, index]
            if seconds is not None:
                yield Reading("freshness_seconds", float(seconds), {"hop": hop})


def clickhouse() -> Iterable[Reading]:
    client = warehouse(answer_seconds=QUERY_SECONDS)
    for hop, table in (("ClickHouse, web", RAW_WEB_EVENTS), ("ClickHouse, purchases", RAW_PURCHASE_EVENTS)):
        query = f"SELECT count(), dateDiff('millisecond', max(event_time), now64(3)) / 1000 FROM {table.qualified}"
        rows, seconds = client.query(query).first_row
        if rows:
            yield Reading("freshness_seconds", seconds, {"hop": hop})
    query = (
        f"SELECT toString(stream), toString(reason), count() FROM {RAW_DEAD_LETTERS.qualified} FINAL GROUP BY ALL ORDER BY ALL"
    )
    for stream, reason, count in client.query(query).result_rows:
        yield Reading("dead_letters", count, {"stream": stream, "reason": reason})


SOURCES: tuple[Callable[[], Iterable[Reading]], ...] = (processes, flink, kafka, connect, postgres, clickhouse)


def _read(source: Callable[[], Iterable[Reading]]) -> list[Reading]:
    label = {"source": source.__name__}
    try:
        return [Reading("source_up", 1, label), *source()]
    except Exception as error:
        log.warning("%s does not answer: %s: %s", source.__name__, type(error).__name__, " ".join(str(error).split())[:300])
        return [Reading("source_up", 0, label)]


def read() -> list[Reading]:
    """All sources side by side; takes as long as the slowest."""
    with ThreadPoolExecutor(len(SOURCES)) as pool:
        return [reading for found in pool.map(_read, SOURCES) for reading in found]


def _json(url: str) -> dict:  # type: ignore[type-arg]
    answer = requests.get(url, timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    return answer.json()

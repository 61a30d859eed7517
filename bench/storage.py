"""What an event leaves behind in each store, in bytes; the arithmetic of docs/scale.md stands on it."""

import requests

from contracts.settings import settings
from contracts.tables import RAW_WEB_EVENTS, SESSIONS
from contracts.topics import WEB
from flink_jobs.submit import running
from runner.services import kafka
from verify.stores import shop, warehouse


def storage() -> dict[str, object]:
    """Bytes per web event that was accepted: in Kafka's validated topic, Flink's state, Postgres and ClickHouse."""
    events = warehouse().query(f"SELECT count() FROM {RAW_WEB_EVENTS.qualified} FINAL").first_row[0]
    if not events:
        raise RuntimeError("no event was accepted: run `make demo` first")
    found = {
        "kafka": topic_bytes(WEB.validated),
        "flink_state": state_bytes(),
        "postgres_sessions": postgres_bytes(SESSIONS.qualified),
        "clickhouse": clickhouse_bytes(RAW_WEB_EVENTS.qualified),
    }
    return {
        "events": events,
        "bytes_per_event": {name: round(size / events, 1) for name, size in found.items()},
        "command": "make bench: sizes on disk over the events accepted",
    }


def topic_bytes(topic: str) -> int:
    """One copy of each of the topic's partitions, whichever broker keeps it."""
    s = settings()
    partitions = {folder.name: folder for broker in s.brokers for folder in kafka.data(s, broker).glob(f"{topic}-*")}
    return sum(file.stat().st_size for folder in partitions.values() for file in folder.glob("*.log"))


def state_bytes() -> int:
    """All that the newest checkpoint of the job refers to."""
    url = f"{settings().url('FLINK')}/jobs/{running()}/metrics?get=lastCheckpointFullSize"
    answer = requests.get(url, timeout=30)
    answer.raise_for_status()
    return int(answer.json()[0]["value"])


def postgres_bytes(table: str) -> int:
    with shop("postgres") as connection:
        return int(connection.execute("SELECT pg_total_relation_size(%s)", (table,)).fetchone()[0])  # type: ignore[index]


def clickhouse_bytes(table: str) -> int:
    database, _, name = table.partition(".")
    query = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = %(database)s AND table = %(name)s"
    return int(warehouse().query(query, {"database": database, "name": name}).first_row[0])

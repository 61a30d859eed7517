"""Event to Postgres, in its metric and its session, and event to ClickHouse, at a steady rate: from the timestamps in the data
alone."""

import bisect
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime

from confluent_kafka import Consumer, TopicPartition

from bench.sampling import memory_gb, over_time
from bench.throughput import generate
from contracts.settings import settings
from contracts.tables import INGESTED, RAW_WEB_EVENTS, SESSIONS, WEB_MINUTE_METRICS, PostgresTable
from verify.settle import flink_lag, settle, sink_lag
from verify.stores import warehouse

SAMPLE_SECONDS = 3
# Sessions of which one is measured.
SESSIONS_SAMPLED = 10

Key = tuple[str, ...]


def percentiles(milliseconds: Iterable[float]) -> dict[str, object]:
    """Percentiles of the nearest rank, from 0 to 100, and those that are spoken of by name."""
    ordered = sorted(milliseconds)
    if not ordered:
        raise RuntimeError("no event was measured")
    at = [round(ordered[min(len(ordered) * share // 100, len(ordered) - 1)]) for share in range(101)]
    return {"p50": at[50], "p95": at[95], "p99": at[99], "events": len(ordered), "percentiles": at}


def latency(rate: int, seconds: int) -> dict[str, object]:
    """Clean events only, so that an event's own time is when it was sent. Minutes that other events share are left out."""
    settle()
    began = int(time.time() * 1000)
    readings = {"Flink": flink_lag, "ClickHouse's sink": sink_lag, "memory_gb": memory_gb}
    with over_time(readings, SAMPLE_SECONDS) as samples:
        given = generate("web_events", "--rate", str(rate), "--seconds", str(seconds), "--dirt", "0", "--seed", "902")
    settle()
    return {
        "rate_events_per_second": rate,
        "seconds": seconds,
        "sent": given.records,
        "event_to_clickhouse_ms": percentiles(to_clickhouse(began)),
        "event_to_postgres_metric_ms": percentiles(to_metric(began)),
        "event_to_session_ms": percentiles(to_session(began)),
        "over_time": samples,
        "command": f"make bench: generators web_events --rate {rate} --seconds {seconds}",
    }


def to_clickhouse(began: int) -> list[float]:
    """Of the events that came since; older ones may be dated ahead."""
    query = f"""SELECT toUnixTimestamp64Milli(min({INGESTED})) - toUnixTimestamp64Milli(any(event_time))
                FROM {RAW_WEB_EVENTS.qualified} WHERE toUnixTimestamp64Milli(event_time) >= {began} GROUP BY event_id
                HAVING toUnixTimestamp64Milli(min({INGESTED})) >= {began}"""
    return [row[0] for row in warehouse().query(query).result_rows]


def to_metric(began: int) -> list[float]:
    """The n-th event of a row is visible with the first commit that counts n events."""
    first = -(-began // 60_000) * 60_000
    minute = "toUnixTimestamp64Milli(toDateTime64(toStartOfMinute(event_time), 3))"
    query = f"""SELECT {minute}, toString(event_type), toString(country), toString(device), toUnixTimestamp64Milli(event_time),
                       toUnixTimestamp64Milli({INGESTED}) >= {began}
                FROM {RAW_WEB_EVENTS.qualified} FINAL WHERE toUnixTimestamp64Milli(event_time) >= {first} ORDER BY event_time"""
    events: dict[Key, list[int]] = defaultdict(list)
    # Older events may be dated ahead: a row that counts one of them is left out.
    shared: set[Key] = set()
    for minute, kind, country, device, when, is_new in warehouse().query(query).result_rows:
        key = (str(minute), kind, country, device)
        events[key].append(when)
        if not is_new:
            shared.add(key)

    def metric(row: dict) -> Key:
        return (str(milliseconds(row["minute_at"])), row["event_type"], row["country"], row["device"])

    commits = committed(WEB_MINUTE_METRICS, lambda row: metric(row) if milliseconds(row["minute_at"]) >= first else None)
    return [delay for key, times in events.items() if key not in shared for delay in delays(times, *commits[key])]


def to_session(began: int) -> list[float]:
    """The n-th event of a session, by its time, is visible with the first commit that counts n events."""
    query = f"""SELECT session_id, arraySort(groupArray(toUnixTimestamp64Milli(event_time)))
                FROM (SELECT session_id, event_time FROM {RAW_WEB_EVENTS.qualified} FINAL
                      WHERE sipHash64(session_id) % {SESSIONS_SAMPLED} = 0)
                GROUP BY session_id HAVING min(toUnixTimestamp64Milli(event_time)) >= {began}"""
    events: dict[Key, list[int]] = {(session,): times for session, times in warehouse().query(query).result_rows}
    commits = committed(SESSIONS, lambda row: (row["session_id"],))
    return [delay for key, times in events.items() for delay in delays(times, *commits[key])]


def delays(events: list[int], counts: list[int], commits: list[int]) -> list[int]:
    """From each event of a row, in order, to the first of the row's commits that counts it; ``counts`` rise with ``commits``."""
    return [commits[bisect.bisect_left(counts, number)] - when for number, when in enumerate(events, start=1)]


def committed(table: PostgresTable, wanted: Callable[[dict], Key | None]) -> dict[Key, tuple[list[int], list[int]]]:
    """Counts and commit times (ms) of every version of the wanted rows, in order, from the table's replication topic."""
    versions: dict[Key, dict[int, int]] = defaultdict(dict)
    for row in records(table.topic):
        if not row["_deleted"] and (key := wanted(row)):
            count, when = int(row["events"]), int(row["_committed_ms"])
            versions[key][count] = min(when, versions[key].get(count, when))
    return {key: tuple(map(list, zip(*sorted(counts.items()), strict=True))) for key, counts in versions.items()}  # type: ignore[misc]


def milliseconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def records(topic: str) -> Iterable[dict]:
    consumer = Consumer({"bootstrap.servers": settings().bootstrap_servers, "group.id": "bench", "enable.auto.commit": False})
    try:
        for number in consumer.list_topics(topic, 10).topics[topic].partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)
            consumer.assign([TopicPartition(topic, number, low)])
            position = low
            while position < high:
                for message in consumer.consume(5000, timeout=10):
                    position = message.offset() + 1
                    if message.value():
                        yield json.loads(message.value())
    finally:
        consumer.close()

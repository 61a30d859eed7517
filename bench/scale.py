"""The table of docs/scale.md: what was measured on one machine, multiplied. A network takes its part: these are upper bounds."""

from contracts.settings import settings

MACHINES = (1, 10, 100)
# Half of what a machine catches up with is left for the daily peak and for catching up after a fault.
HEADROOM = 0.5
PARTITIONS_PER_SUBTASK = 2
KAFKA_DAYS = 7
DAY = 86_400
# What the table is made of.
PARTS = ("throughput", "storage")


def rows(results: dict) -> list[tuple[str, ...]]:
    """Name and a figure for each of MACHINES."""
    cores, per_event = results["machine"]["cores"], results["storage"]["bytes_per_event"]
    rate = results["throughput"]["flink_catch_up_at_once_events_per_second"] * HEADROOM
    state_days = settings().live_retention_days + 1
    lines = {
        "events/s, steadily": lambda n: f"{n * rate:,.0f}",
        "events a day": lambda n: f"{n * rate * DAY / 1e6:,.0f} million",
        "Flink subtasks (`FLINK_PARALLELISM`)": lambda n: f"{n * cores:,}",
        "partitions a topic (`KAFKA_PARTITIONS`)": lambda n: f"{n * cores * PARTITIONS_PER_SUBTASK:,}",
        f"Flink's state, {state_days} days": lambda n: size(n * rate * DAY * state_days * per_event["flink_state"]),
        f"Kafka, validated topic, {KAFKA_DAYS} days, one copy": lambda n: size(n * rate * DAY * KAFKA_DAYS * per_event["kafka"]),
        "ClickHouse, raw events of a year, one copy": lambda n: size(n * rate * DAY * 365 * per_event["clickhouse"]),
    }
    return [(name, *(figure(n) for n in MACHINES)) for name, figure in lines.items()]


def size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if count < 1000:
            return f"{count:,.0f} {unit}"
        count /= 1000
    return f"{count:,.1f} PB"


def table(results: dict) -> str:
    head = ("", *(f"{n} machine{'s' if n > 1 else ''}" for n in MACHINES))
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * len(MACHINES)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows(results))]) + "\n"

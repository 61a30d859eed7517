"""What is alarming about the readings. Pure: those of now, those of the last look, the limits."""

from collections.abc import Iterable
from dataclasses import dataclass

from contracts.settings import Settings
from watch.readings import Reading

Figures = dict[tuple[str, tuple[str, ...]], float]


@dataclass(frozen=True)
class Limits:
    """Beyond these somebody is told. Each is a setting of its name in capitals, with ALARM_ before it."""

    lag_records: int = 200_000
    slot_bytes: int = 512 * 1024 * 1024
    dead_letters_per_minute: int = 600
    idle_seconds: int = 300

    @classmethod
    def of(cls, config: Settings) -> "Limits":
        return cls(**{name: config.number(f"ALARM_{name.upper()}", getattr(cls, name)) for name in cls.__annotations__})


def figures(readings: Iterable[Reading]) -> Figures:
    return {(reading.name, tuple(reading.labels.values())): reading.value for reading in readings}


def alarms(now: Figures, before: Figures, seconds: float, limits: Limits) -> list[str]:
    """One line each; ``before``: the look ``seconds`` ago, empty at the first."""
    return [*_down(now), *_restarted(now, before), *_behind(now, before, limits), *_set_aside(now, before, seconds, limits)]


def _down(now: Figures) -> Iterable[str]:
    texts = {
        "source_up": "{} does not answer",
        "process_running": "the process {} does not run",
        "flink_job_running": "the Flink job {} does not run",
        "connect_task_running": "Debezium's connector does not run",
        "slot_active": "nobody reads the replication slot, or it is gone",
    }
    for (name, labels), value in now.items():
        if name in texts and not value:
            yield texts[name].format(*labels)


def _restarted(now: Figures, before: Figures) -> Iterable[str]:
    for (name, labels), value in now.items():
        earlier = before.get((name, labels))
        if earlier is None:
            continue
        if name == "flink_restarts" and value > earlier:
            yield f"the Flink job {labels[0]} was restarted {value - earlier:.0f} times"
        if name == "flink_failed_checkpoints" and value > earlier:
            yield f"{value - earlier:.0f} checkpoints of the Flink job {labels[0]} failed"
        if name == "process_uptime_seconds" and value < earlier:
            yield f"the process {labels[0]} was started again"


def _behind(now: Figures, before: Figures, limits: Limits) -> Iterable[str]:
    for (name, labels), value in now.items():
        earlier = before.get((name, labels))
        if name == "kafka_lag_records":
            if value > limits.lag_records:
                yield f"{labels[0]} is {value:,.0f} records behind"
            elif earlier is not None and 0 < earlier <= value and value > limits.lag_records / 10:
                yield f"{labels[0]} does not catch up: {value:,.0f} records behind, {earlier:,.0f} at the last look"
        if name == "slot_retained_bytes" and value > limits.slot_bytes:
            yield f"the replication slot keeps {value / 1e6:,.0f} MB of WAL"
    for kind in ("web", "purchases"):
        left, right = (now.get(("freshness_seconds", (f"{hop}, {kind}",))) for hop in ("Postgres", "ClickHouse"))
        if left is not None and right is not None and abs(left - right) > limits.idle_seconds:
            hop = "Postgres" if left > right else "ClickHouse"
            yield f"{kind} in {hop} are {abs(left - right):,.0f} s behind the other hop: it stands still"


def _set_aside(now: Figures, before: Figures, seconds: float, limits: Limits) -> Iterable[str]:
    """A reason that is new counts from nothing, but only where the last look saw the others: else nobody knows what is new."""
    if not before.get(("source_up", ("clickhouse",))):
        return
    allowed = limits.dead_letters_per_minute * seconds / 60
    for (name, labels), value in now.items():
        gained = value - before.get((name, labels), 0)
        if name == "dead_letters" and gained > max(allowed, 0):
            yield f"{gained:,.0f} records of {labels[0]} set aside within {seconds:,.0f} s: {labels[1]}"

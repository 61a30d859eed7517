"""The sink: validated events and replicated tables from Kafka into ClickHouse."""

from contracts.settings import Settings
from runner.service import Service, nothing
from runner.tools import python


def service(s: Settings) -> Service:
    return Service(
        name="clickhouse-sink",
        command=(python("core"), "-m", "cdc.sink"),
        knows_settings=True,
        depends_on=("kafka", "topics", "clickhouse_schema"),
        # It serves no one, so it has nothing to ask: that it stays up is its readiness.
        ready=nothing,
        memory_mb=150,
        stop_seconds=30,
    )

"""The sink: validated events and replicated tables from Kafka into ClickHouse."""

from contracts.settings import Settings
from contracts.topics import SINK_GROUP
from runner import probes
from runner.service import Service
from runner.tools import python


def service(s: Settings) -> Service:
    return Service(
        name="clickhouse-sink",
        command=(python("core"), "-m", "cdc.sink"),
        knows_settings=True,
        depends_on=("topics", "clickhouse_schema"),
        ready=probes.consumer_group(SINK_GROUP),
        memory_mb=150,
        stop_seconds=30,
    )

"""The services of the stack, one module each, in the order in which they are listed to people."""

from contracts.settings import Settings, settings
from runner.service import Part, Service
from runner.services import (
    airflow,
    clickhouse,
    clickhouse_sink,
    connect,
    flink,
    kafka,
    minio,
    mlflow,
    postgres,
    superset,
    watch,
)


def every(s: Settings) -> tuple[Part, ...]:
    """What a stack of these settings runs."""
    return (
        *kafka.services(s),
        connect.service(s),
        flink.jobmanager(s),
        *flink.taskmanagers(s),
        postgres.service(s),
        clickhouse.service(s),
        clickhouse_sink.service(s),
        minio.service(s),
        airflow.api_server(s),
        airflow.scheduler(s),
        airflow.dag_processor(s),
        airflow.triggerer(s),
        superset.service(s),
        mlflow.service(s),
        watch.service(s),
    )


def parts() -> dict[str, Part]:
    """Every service of this stack by name; for one that is elsewhere by its settings, the wait for it."""
    return {part.name: part for part in every(settings())}


def services() -> dict[str, Service]:
    """The services that this machine runs."""
    return {name: part for name, part in parts().items() if isinstance(part, Service)}

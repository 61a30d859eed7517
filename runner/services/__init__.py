"""The services of the stack, one module each, in the order in which they are listed to people."""

from collections.abc import Callable

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

MAKERS: tuple[Callable[[Settings], Part], ...] = (
    kafka.service,
    connect.service,
    flink.jobmanager,
    flink.taskmanager,
    postgres.service,
    clickhouse.service,
    clickhouse_sink.service,
    minio.service,
    airflow.api_server,
    airflow.scheduler,
    airflow.dag_processor,
    airflow.triggerer,
    superset.service,
    mlflow.service,
    watch.service,
)


def parts() -> dict[str, Part]:
    """Every service of this stack by name; for one that is elsewhere by its settings, the wait for it."""
    made = (maker(settings()) for maker in MAKERS)
    return {part.name: part for part in made}


def services() -> dict[str, Service]:
    """The services that this machine runs."""
    return {name: part for name, part in parts().items() if isinstance(part, Service)}

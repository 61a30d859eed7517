"""What is done between the services' starts, in one graph with them. A step's module is imported when it runs."""

import importlib
from collections.abc import Callable

from runner.service import Step


def call(module: str, function: str) -> Callable[[], object]:
    def run() -> object:
        return getattr(importlib.import_module(module), function)()

    return run


def steps() -> dict[str, Step]:
    """Each may run again with the same result, since every start runs them."""
    every = (
        Step("postgres_schema", call("runner.bootstrap", "postgres_schema"), ("postgres",)),
        Step("topics", call("runner.bootstrap", "topics"), ("kafka",)),
        Step("clickhouse_schema", call("runner.bootstrap", "clickhouse_schema"), ("clickhouse",)),
        Step("bucket", call("runner.bootstrap", "bucket"), ("minio",)),
        Step("connector", call("runner.bootstrap", "connector"), ("connect", "postgres_schema", "topics")),
        Step("flink_jobs", call("runner.bootstrap", "flink_jobs"), ("flink-taskmanager", "postgres_schema", "topics")),
        Step("airflow_database", call("runner.services.airflow", "database"), ("postgres_schema",)),
        Step("superset_database", call("runner.services.superset", "database"), ("postgres_schema",)),
        Step("dashboards", call("runner.services.superset", "dashboards"), ("superset", "postgres_schema", "clickhouse_schema")),
    )
    return {step.name: step for step in every}

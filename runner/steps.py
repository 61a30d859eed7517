"""What is done between the services' starts, in one graph with them. A step's module is imported when it runs."""

import importlib
from collections.abc import Callable
from pathlib import Path

from contracts.settings import settings
from runner import flink, probes
from runner.service import Step
from runner.services import kafka


def call(module: str, function: str) -> Callable[[], object]:
    def run() -> object:
        return getattr(importlib.import_module(module), function)()

    return run


def flink_jobs() -> None:
    """Submit, and remember that there is a job to be kept running (runner.revive)."""
    call("runner.bootstrap", "flink_jobs")()
    submitted_mark().touch()


def submitted_mark() -> Path:
    return settings().var / "run" / "flink_jobs.submitted"


def steps() -> dict[str, Step]:
    """Each may run again with the same result, since every start runs them."""
    every = (
        Step("postgres_schema", call("runner.bootstrap", "postgres_schema"), ("postgres",)),
        Step("topics", call("runner.bootstrap", "topics"), kafka.names(settings())),
        Step("clickhouse_schema", call("runner.bootstrap", "clickhouse_schema"), ("clickhouse",)),
        Step("bucket", call("runner.bootstrap", "bucket"), ("minio",)),
        Step(
            "connector", call("runner.bootstrap", "connector"), ("connect", "postgres_schema", "topics"), check=probes.connector
        ),
        Step("flink_jobs", flink_jobs, (*flink.task_managers(settings()), "postgres_schema", "topics"), check=probes.flink_jobs),
        Step("airflow_database", call("runner.services.airflow", "database"), ("postgres_schema",)),
        Step("superset_database", call("runner.services.superset", "database"), ("postgres_schema",)),
        Step("dashboards", call("runner.services.superset", "dashboards"), ("superset_database", "clickhouse_schema")),
    )
    return {step.name: step for step in every}

"""# Keep the live tables small

Every hour **delete_expired** deletes the rows of the per-minute tables in Postgres that are older than
`LIVE_RETENTION_DAYS`. The deletions are replicated; ClickHouse keeps the events themselves, so no figure is lost.

## Run again
Clear the task or trigger a new run: what is gone is gone, and a second run finds nothing to delete.

## When it fails
Postgres up? `make status`. The log's last line names the cause. Until it passes the tables only grow.
"""

from datetime import timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import dag
from airflow.timetables.trigger import CronTriggerTimetable

from contracts.settings import ROOT, settings
from contracts.steps import RETENTION


@dag(
    dag_display_name="Live retention",
    description="Deletes per-minute rows that are older than LIVE_RETENTION_DAYS",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("7 * * * *", timezone="UTC", run_immediately=timedelta(0)),
    catchup=False,
    max_active_runs=1,
    tags=["live", "upkeep"],
    default_args={
        "owner": "analytics",
        "retries": 2,
        "retry_delay": timedelta(seconds=settings().number("BATCH_RETRY_SECONDS", 30)),
        "retry_exponential_backoff": 2,
        "max_retry_delay": timedelta(minutes=10),
        "execution_timeout": timedelta(minutes=RETENTION.minutes),
    },
)
def live_retention() -> None:
    BashOperator(
        task_id=RETENTION.name,
        bash_command=RETENTION.shell(settings().tools),
        append_env=True,
        cwd=str(ROOT),
        doc_md=RETENTION.doc,
    )


live_retention()

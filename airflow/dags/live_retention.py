"""# Keep the live tables small

Every hour **delete_expired** deletes the rows of the per-minute tables in Postgres that are older than
`LIVE_RETENTION_DAYS`. The deletions are replicated; ClickHouse keeps the events themselves, so no figure is lost.

## Run again
Clear the task or trigger a new run: what is gone is gone, and a second run finds nothing to delete.

## When it fails
Postgres up? `make status`. The log's last line names the cause. Until it passes the tables only grow.
"""

from datetime import timedelta

from airflow.sdk import dag
from airflow.timetables.trigger import CronTriggerTimetable
from batch_tasks import run_alone

from alerts.policy import default_args
from contracts.steps import RETENTION


@dag(
    dag_display_name="Live retention",
    description="Deletes per-minute rows that are older than LIVE_RETENTION_DAYS",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("7 * * * *", timezone="UTC", run_immediately=timedelta(0)),
    catchup=False,
    max_active_runs=1,
    tags=["live", "upkeep"],
    default_args=default_args(),
)
def live_retention() -> None:
    run_alone(RETENTION)


live_retention()

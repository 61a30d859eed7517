"""# Keep the lake small

Every day **expire_snapshots** keeps the newest `LAKE_KEEP_SNAPSHOTS` snapshots (30 unless set) of each table of the lake, and
then removes the files that no remaining snapshot refers to, once they are older than `LAKE_ORPHAN_HOURS` (24 unless set).
Readers and writers go on meanwhile. The newest state of a table is always kept; an older run can no longer be read as it was.

## Run again
Clear the task or trigger a new run: what is gone is gone, and a second run finds nothing to remove. The same without Airflow:
`python -m lakehouse.upkeep --keep 5` in the environment `spark`, for fewer snapshots at once.

## When it fails
MinIO and Postgres (the catalogue) up? `make status`. The log's last line names the cause. A commit that failed met a pipeline
that wrote the same table: the retry passes. Until it passes the lake only grows.
"""

from datetime import timedelta

from airflow.sdk import dag
from airflow.timetables.trigger import CronTriggerTimetable
from batch_tasks import run_alone

from alerts.policy import default_args
from contracts.steps import LAKE_UPKEEP


@dag(
    dag_display_name="Lake upkeep",
    description="Expires old snapshots of the lake and removes files that nothing refers to",
    doc_md=__doc__,
    # Between two runs of the pipeline, which writes the same tables.
    schedule=CronTriggerTimetable("30 3 * * *", timezone="UTC", run_immediately=timedelta(0)),
    catchup=False,
    max_active_runs=1,
    tags=["lake", "upkeep"],
    default_args=default_args(),
)
def lake_upkeep() -> None:
    run_alone(LAKE_UPKEEP)


lake_upkeep()

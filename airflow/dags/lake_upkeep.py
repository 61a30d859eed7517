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

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import dag
from airflow.timetables.trigger import CronTriggerTimetable

from contracts.settings import ROOT, settings
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
    default_args={
        "owner": "analytics",
        "retries": 2,
        "retry_delay": timedelta(seconds=settings().number("BATCH_RETRY_SECONDS", 30)),
        "retry_exponential_backoff": 2,
        "max_retry_delay": timedelta(minutes=10),
        "execution_timeout": timedelta(minutes=LAKE_UPKEEP.minutes),
    },
)
def lake_upkeep() -> None:
    BashOperator(
        task_id=LAKE_UPKEEP.name,
        bash_command=LAKE_UPKEEP.shell(settings().tools),
        append_env=True,
        cwd=str(ROOT),
        doc_md=LAKE_UPKEEP.doc,
    )


lake_upkeep()

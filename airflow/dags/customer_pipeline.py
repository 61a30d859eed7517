"""# From the warehouse to customer segments

Every six hours, and whenever it is triggered:

1. **freeze** names the run and its cutoff. Both come from the DAG run alone, so they are the same for every retry. The scheduled
   run of midnight describes the day that has just ended, the others the day that goes on.
2. **dbt_build** builds and tests the marts in ClickHouse, as known at the end of the cutoff's day.
3. **export_to_iceberg** copies the marts as Parquet to the object store and commits them to Iceberg.
4. **kmeans_segments** cuts the customers into segments with Spark: as many as are stable, at nearly the best silhouette.
   A segment that goes on from one of the run before keeps its number.
5. **write_back_to_clickhouse** copies the segments to ClickHouse, where the dashboards read them.
6. **report** writes one HTML file with the plots.

A step that fails stops all that follow it, and a message says so. One run at a time; a second one waits. New segments start
`summary_report`.

## Trigger
| parameter | meaning |
| --- | --- |
| `as_of` | Cutoff: only what was known at the end of this UTC day. Empty: the day of the run; of midnight's the day before. |
| `k_min`, `k_max` | The numbers of segments that are tried. |

## Run again
Clear the failed task, with everything downstream. Each step replaces its own results of the run, so nothing is doubled.
To compute another day, trigger a new run with `as_of`: it gets a run id of its own and leaves the older results in place.

## When it fails
| task | look at |
| --- | --- |
| freeze | `k_min` above `k_max`, or a day that is none: the log's last line says which. |
| dbt_build | The log names the model or the test that failed. ClickHouse up? `make status`. Data wrong? `make verify`. |
| export_to_iceberg | MinIO and Postgres (the catalogue) up? Readers see the previous snapshot until the commit. |
| kmeans_segments | Customers with purchases by the cutoff? Memory free? Spark's page, port 4040, shows its stages. |
| write_back_to_clickhouse | ClickHouse up? The run's rows in Iceberg are complete: clear this task alone. |
| report | The results are in place already: clear this task alone. |

`make logs PART=airflow-scheduler` and `make status` show the parts underneath. The same steps without Airflow: `make segments`.
"""

from datetime import timedelta

from airflow.sdk import chain, dag
from airflow.timetables.trigger import CronTriggerTimetable
from batch_tasks import AS_OF, SEGMENT_RANGE, freeze, run_step

from alerts.policy import default_args
from contracts.steps import BATCH_STEPS


@dag(
    dag_display_name="Customer pipeline",
    description="Marts, lake, customer segments and their report",
    doc_md=__doc__,
    # An unpaused DAG waits for its next time instead of making up for the last one.
    schedule=CronTriggerTimetable("0 */6 * * *", timezone="UTC", run_immediately=timedelta(0)),
    catchup=False,
    max_active_runs=1,
    tags=["batch", "marts", "segments"],
    params={"as_of": AS_OF, **SEGMENT_RANGE},
    default_args=default_args(),
)
def customer_pipeline() -> None:
    chain(freeze(), *(run_step(step) for step in BATCH_STEPS))


customer_pipeline()

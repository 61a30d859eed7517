"""# From the warehouse to customer segments

Every six hours, and whenever it is triggered:

1. **freeze** names the run and its cutoff. Both come from the DAG run alone, so they are the same for every retry.
2. **dbt_build** builds and tests the marts in ClickHouse, as known at the end of the cutoff's day.
3. **export_to_iceberg** copies the marts as Parquet to the object store and commits them to Iceberg.
4. **kmeans_segments** cuts the customers into segments with Spark; the number of segments is the one with the best silhouette.
5. **write_back_to_clickhouse** copies the segments to ClickHouse, where the dashboards read them.
6. **report** writes one HTML file with the plots.

A step that fails stops all that follow it. One run at a time; a second one waits.

## Trigger
| parameter | meaning |
| --- | --- |
| `as_of` | Cutoff: only what was known at the end of this UTC day. Empty: the day of the run. |
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

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Asset, Param, chain, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException
from airflow.timetables.trigger import CronTriggerTimetable

from contracts.settings import ROOT, settings
from contracts.steps import BATCH_STEPS, K_BOUNDS, K_MAX, K_MIN, Step, Value, frozen_values

RETRY_DELAY = timedelta(seconds=settings().number("BATCH_RETRY_SECONDS", 30))
FREEZE = "freeze"


@task(task_id=FREEZE, multiple_outputs=False)
def freeze() -> dict[str, str]:
    """Name the run and its cutoff, from the DAG run alone."""
    context = get_current_context()
    run, params = context["dag_run"], context["params"]
    try:
        return frozen_values(run.run_id, run.run_after.date(), params["as_of"], params["k_min"], params["k_max"])
    except ValueError as error:
        raise AirflowFailException(str(error)) from None  # No retry makes it right.


def run_step(step: Step) -> BashOperator:
    return BashOperator(
        task_id=step.name,
        bash_command=step.shell(settings().tools),
        env={value: f"{{{{ ti.xcom_pull('{FREEZE}')['{value}'] }}}}" for value in Value},
        append_env=True,
        cwd=str(ROOT),
        doc_md=step.doc,
        execution_timeout=timedelta(minutes=step.minutes),
        outlets=[Asset(step.result)] if step.result else [],
    )


@dag(
    dag_display_name="Customer pipeline",
    description="Marts, lake, customer segments and their report",
    doc_md=__doc__,
    # An unpaused DAG waits for its next time instead of making up for the last one.
    schedule=CronTriggerTimetable("0 */6 * * *", timezone="UTC", run_immediately=timedelta(0)),
    catchup=False,
    max_active_runs=1,
    tags=["batch", "marts", "segments"],
    params={
        "as_of": Param(
            None,
            type=["null", "string"],
            format="date",
            title="As of",
            description="Only what was known at the end of this UTC day. Empty: the day of the run.",
        ),
        "k_min": Param(
            K_MIN,
            type="integer",
            minimum=K_BOUNDS[0],
            maximum=K_BOUNDS[1],
            title="Fewest segments",
            description="Smallest k tried.",
        ),
        "k_max": Param(
            K_MAX, type="integer", minimum=K_BOUNDS[0], maximum=K_BOUNDS[1], title="Most segments", description="Largest k tried."
        ),
    },
    default_args={
        "owner": "analytics",
        "retries": 2,
        "retry_delay": RETRY_DELAY,
        "retry_exponential_backoff": 2,
        "max_retry_delay": timedelta(minutes=10),
        "execution_timeout": timedelta(minutes=5),
    },
)
def customer_pipeline() -> None:
    chain(freeze(), *(run_step(step) for step in BATCH_STEPS))


customer_pipeline()

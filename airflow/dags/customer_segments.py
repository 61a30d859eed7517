"""# Segments of what is in the lake

After each run of `lakehouse`, and whenever it is triggered for an export that is in the lake:

1. **freeze** takes over the run of the export.
2. **kmeans_segments**, **write_back_to_clickhouse** and **report** do what they do in the pipeline.

New segments start `summary_report`.

## Trigger
| parameter | meaning |
| --- | --- |
| `run_id` | The export, as `VAR_DIR/runs` and the lake name it. Only asked for where nobody else triggered the run. |
| `as_of` | The day that its marts describe. |
| `k_min`, `k_max` | The numbers of segments that are tried. |

## Run again
Clear the failed task, with everything downstream. Each step replaces its own results of the run.

## When it fails
| task | look at |
| --- | --- |
| freeze | No `run_id`, or `k_min` above `k_max`: the log's last line says which. |
| kmeans_segments | Is the run in the lake? Customers with purchases by the cutoff? Memory free? |
| write_back_to_clickhouse | ClickHouse up? The run's rows in Iceberg are complete: clear this task alone. |
| report | The results are in place already: clear this task alone. |
"""

from airflow.sdk import Asset, Param, chain, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException
from batch_tasks import AS_OF, FREEZE, SEGMENT_RANGE, checked, run_step

from alerts.policy import default_args
from contracts.steps import EXPORT_ALONE, REPORT, SEGMENTS, WRITE_BACK, Value

EXPORTED = Asset(EXPORT_ALONE)


@task(task_id=FREEZE, multiple_outputs=False)
def adopt() -> dict[str, str]:
    """The values of the export that triggered this run, or of the one that was asked for."""
    context = get_current_context()
    run, params = context["dag_run"], context["params"]
    own = checked(run.run_id, run.run_after.date(), params["as_of"], params["k_min"], params["k_max"])
    # A run that was triggered by hand has no events; the mapping then holds the asset nevertheless, with none.
    if exports := context["triggering_asset_events"].get(EXPORTED):
        newest = exports[-1].extra
        return own | {value: newest[value] for value in (Value.RUN_ID, Value.AS_OF)}
    if not params["run_id"]:
        raise AirflowFailException("run_id is empty: name the export whose customers are to be cut into segments")
    return own | {Value.RUN_ID: params["run_id"]}


@dag(
    dag_display_name="Customer segments",
    description="Cuts the customers of an export into segments, with their report",
    doc_md=__doc__,
    schedule=[EXPORTED],
    catchup=False,
    max_active_runs=1,
    tags=["segments"],
    params={
        "run_id": Param(
            None, type=["null", "string"], title="Run", description="The export. Empty where an export triggers this."
        ),
        "as_of": AS_OF,
        **SEGMENT_RANGE,
    },
    default_args=default_args(),
)
def customer_segments() -> None:
    chain(adopt(), *(run_step(step) for step in (SEGMENTS, WRITE_BACK, REPORT)))


customer_segments()

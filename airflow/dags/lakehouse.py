"""# Marts to the lake, by themselves

For when the marts were built without the pipeline (`make marts AS_OF=…`), or the lake has to have them again:

1. **freeze** names the run and its cutoff.
2. **export_to_iceberg** copies the marts as Parquet to the object store and commits them to Iceberg.
3. **publish** tells of the export; `customer_segments` then cuts the segments of it.

The pipeline does all of this in one run of its own, and does not start this one.

## Trigger
`as_of` is written beside the rows: the day that the marts describe. Empty: the day of the run.

## Run again
Clear the failed task, with everything downstream. The same run finds what it has written, so nothing is doubled.

## When it fails
MinIO and Postgres (the catalogue) up? `make status`. Are there marts? `make marts`. Until the commit
readers see the previous snapshot.
"""

from airflow.sdk import Asset, chain, dag, task
from batch_tasks import AS_OF, FREEZE, freeze, run_step

from alerts.policy import default_args
from contracts.steps import EXPORT, EXPORT_ALONE

EXPORTED = Asset(EXPORT_ALONE)


@task(outlets=[EXPORTED])
def publish(*, outlet_events, ti) -> None:
    """Pass the run's values on to whoever is scheduled by the export."""
    outlet_events[EXPORTED].extra = ti.xcom_pull(FREEZE)


@dag(
    dag_display_name="Lakehouse",
    description="Exports the marts as they are to the lake",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    tags=["lake"],
    params={"as_of": AS_OF},
    default_args=default_args(),
)
def lakehouse() -> None:
    chain(freeze(), run_step(EXPORT), publish())


lakehouse()

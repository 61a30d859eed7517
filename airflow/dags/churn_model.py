"""# Who will leave: the churn model

Every Monday morning, and whenever it is triggered, over the marts as they are:

1. **freeze** names the run and its cutoff, and checks the parameters.
2. **freeze_features** copies `marts.churn_features` to Iceberg. Everything after it reads this snapshot.
3. **quality_gate** checks the features; its page is `var/reports/churn-gate-<run>.html`. What is not met stops the run here.
4. **train** searches and fits logistic regression, random forest and LightGBM on older cutoffs, and two baselines.
5. **evaluate** takes the best in training, judges all on a later cutoff and writes `var/reports/churn-latest.html`.
6. **register** makes the chosen one a version in MLflow. It becomes the champion where it beats the champion by the margin.
7. **score** scores the customers of the as-of day with the champion and writes Iceberg.
8. **write_scores_back** copies the scores to ClickHouse; the next build of the marts shows them in `dim_customers`.

## Trigger
| parameter | meaning |
| --- | --- |
| `as_of` | The day that the marts describe. Empty: the day of the run; by schedule the day before, which is complete. |
| `trials` | Draws of the search for each model; 0 takes the usual parameters. |
| `customer_value`, `offer_cost`, `offer_success` | What the threshold of an offer is chosen by. |
| `margin` | How much more ROC AUC a challenger needs to become the champion. |
| `accept_drift` | Take a changed distribution of the features as the new measure. |

## Run again
Clear the failed task, with everything downstream. Each step replaces its own results of the run; a version that the run has
registered is found again. The champion changes in `register` alone, at once or not at all.

## When it fails
| task | look at |
| --- | --- |
| freeze | A parameter out of its range: the log's last line says which. |
| freeze_features | Are there marts? `make marts`. MinIO and Postgres (the catalogue) up? |
| quality_gate | The log's last line names the expectations that are not met, the page all. Marts of another day? Give `as_of`. |
| train | A history of half a year and more? Both outcomes among the customers? Memory free? |
| evaluate | The report's place writable? MinIO up? |
| register, score | MLflow up? Its page is on port 5000. A category that the champion has never seen is named. |
| write_scores_back | ClickHouse up? The run's rows in Iceberg are complete: clear this task alone. |

Back to the champion before: `make rollback MODEL=churn`. The same steps without Airflow: `make churn`.
"""

from dataclasses import asdict
from datetime import timedelta

from airflow.sdk import Param, chain, dag, get_current_context, task
from airflow.timetables.trigger import CronTriggerTimetable
from batch_tasks import AS_OF, FREEZE, SCHEDULED, checked, run_step

from alerts.policy import default_args
from contracts.steps import CHURN_STEPS, ChurnParameters, churn_day, frozen_churn_values

USUAL = asdict(ChurnParameters())
FORM = {
    "trials": Param(USUAL["trials"], type="integer", minimum=0, maximum=500, title="Trials", description="Draws a model."),
    "customer_value": Param(USUAL["customer_value"], type="number", exclusiveMinimum=0, title="Value of who stays, EUR"),
    "offer_cost": Param(USUAL["offer_cost"], type="number", minimum=0, title="Cost of an offer, EUR"),
    "offer_success": Param(
        USUAL["offer_success"], type="number", exclusiveMinimum=0, maximum=1, title="Success of an offer",
        description="Share of those about to leave whom it keeps.",
    ),
    "margin": Param(
        USUAL["margin"], type="number", minimum=0, exclusiveMaximum=0.5, title="Margin",
        description="ROC AUC by which a challenger must be better.",
    ),
    "accept_drift": Param(USUAL["accept_drift"], type="boolean", title="Accept drift"),
}  # fmt: skip


@task(task_id=FREEZE, multiple_outputs=False)
def freeze() -> dict[str, str]:
    """Name the run and its cutoff, from the DAG run alone."""
    context = get_current_context()
    run, params = context["dag_run"], context["params"]
    given = ChurnParameters(**{name: params[name] for name in USUAL})
    day = churn_day(run.run_after, run.run_type == SCHEDULED)
    return checked(run.run_id, day, params["as_of"], given, by=frozen_churn_values)


@dag(
    dag_display_name="Churn model",
    description="Trains, judges and registers the churn model, and scores the customers",
    doc_md=__doc__,
    # After the pipeline of midnight, whose marts describe the day before.
    schedule=CronTriggerTimetable("0 4 * * 1", timezone="UTC", run_immediately=timedelta(0)),
    catchup=False,
    max_active_runs=1,
    tags=["models", "churn"],
    params={"as_of": AS_OF, **FORM},
    default_args=default_args(),
)
def churn_model() -> None:
    chain(freeze(), *(run_step(step) for step in CHURN_STEPS))


churn_model()

"""What the batch DAGs are made of: the frozen values of a run, a task for each step, the form's fields."""

from datetime import timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Asset, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from contracts.settings import ROOT, settings
from contracts.steps import K_BOUNDS, K_MAX, K_MIN, Step, frozen_values, pipeline_day

FREEZE = "freeze"
# Airflow's word for a run that no person and no asset started.
SCHEDULED = "scheduled"

AS_OF = Param(
    None,
    type=["null", "string"],
    format="date",
    title="As of",
    description="Only what was known at the end of this UTC day. Empty: the day of the run (midnight's: the day before).",
)
_K = {"type": "integer", "minimum": K_BOUNDS[0], "maximum": K_BOUNDS[1]}
SEGMENT_RANGE = {
    "k_min": Param(K_MIN, **_K, title="Fewest segments", description="Smallest k tried."),
    "k_max": Param(K_MAX, **_K, title="Most segments", description="Largest k tried."),
}


@task(task_id=FREEZE, multiple_outputs=False)
def freeze() -> dict[str, str]:
    """Name the run and its cutoff, from the DAG run alone."""
    context = get_current_context()
    run, params = context["dag_run"], context["params"]
    day = pipeline_day(run.run_after, run.run_type == SCHEDULED)
    return checked(run.run_id, day, params["as_of"], params.get("k_min", K_MIN), params.get("k_max", K_MAX))


def checked(*given, by=frozen_values) -> dict[str, str]:
    """The frozen values; no retry makes a bad one right."""
    try:
        return by(*given)
    except ValueError as error:
        raise AirflowFailException(str(error)) from None


def run_step(step: Step) -> BashOperator:
    return BashOperator(
        task_id=step.name,
        bash_command=step.shell(settings().tools),
        env={value: f"{{{{ ti.xcom_pull('{FREEZE}')['{value}'] }}}}" for value in step.values},
        append_env=True,
        cwd=str(ROOT),
        doc_md=step.doc,
        execution_timeout=timedelta(minutes=step.minutes),
        outlets=[Asset(step.result)] if step.result else [],
    )


def run_alone(step: Step) -> BashOperator:
    """A step that belongs to no run."""
    return BashOperator(
        task_id=step.name,
        bash_command=step.shell(settings().tools),
        append_env=True,
        cwd=str(ROOT),
        doc_md=step.doc,
        execution_timeout=timedelta(minutes=step.minutes),
    )

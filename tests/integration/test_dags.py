"""The DAGs load in Airflow's own environment and keep the policy."""

import json
import os
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from alerts.policy import RETRIES
from contracts.settings import ROOT, settings
from contracts.steps import (
    BATCH_STEPS,
    CHURN_STEPS,
    EXPORT,
    K_MAX,
    K_MIN,
    LAKE_UPKEEP,
    RETENTION,
    SEGMENT_STEPS,
    STREAM_WATCH,
    SUMMARY,
    UPKEEP_STEPS,
    ChurnParameters,
)

DAGS = ROOT / "airflow" / "dags"

# Runs in Airflow's environment: what the policy below looks at, as JSON.
DESCRIBE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

def waits_for(timetable):
    condition = getattr(timetable, "asset_condition", None)
    return sorted(asset.name for asset in getattr(condition, "objects", ()))

bag = DagBag(dag_folder=sys.argv[1])
dags = {
    dag.dag_id: {
        "doc": dag.doc_md, "tags": sorted(dag.tags), "max_active_runs": dag.max_active_runs, "catchup": dag.catchup,
        "schedule": getattr(dag.timetable, "summary", ""), "waits_for": waits_for(dag.timetable),
        "params": {name: dag.params.get_param(name).schema for name in dag.params},
        "defaults": dag.params.dump(),
        "tasks": [
            {
                "id": task.task_id, "owner": task.owner, "doc": task.doc_md or task.doc,
                "retries": task.retries, "backoff": task.retry_exponential_backoff, "delay": task.retry_delay.total_seconds(),
                "timeout": task.execution_timeout and task.execution_timeout.total_seconds(),
                "alerts": [each.__qualname__ for each in task.on_failure_callback or ()],
                "inlets": [asset.name for asset in task.inlets], "outlets": [asset.name for asset in task.outlets],
                "trigger_rule": task.trigger_rule.value, "upstream": sorted(task.upstream_task_ids),
                **{name: getattr(task, name, None) for name in ("bash_command", "env", "append_env", "cwd")},
            }
            for task in dag.topological_sort()
        ],
    }
    for dag in bag.dags.values()
}
json.dump({"errors": bag.import_errors, "dags": dags}, sys.stdout)
"""


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> dict:
    home = tmp_path_factory.mktemp("airflow")
    environment = {
        **os.environ,
        # Airflow adds the folder of the DAGs itself where it reads them as a bundle.
        "PYTHONPATH": f"{ROOT}{os.pathsep}{DAGS}",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "true",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "BATCH_RETRY_SECONDS": "3",
    }
    python = settings().tools / "venvs" / "airflow" / "bin" / "python"
    done = subprocess.run([python, "-c", DESCRIBE, DAGS], env=environment, capture_output=True, text=True, cwd=home, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout[done.stdout.index("{") :])


@pytest.fixture(scope="module")
def dags(bag: dict) -> dict[str, dict]:
    return bag["dags"]


@pytest.fixture(scope="module")
def tasks(dags: dict) -> list[tuple[str, dict]]:
    found = [(name, task) for name, dag in dags.items() for task in dag["tasks"]]
    assert found
    return found


def test_every_file_is_a_dag_that_loads(bag: dict) -> None:
    assert bag["errors"] == {}
    ignored = {line for line in (DAGS / ".airflowignore").read_text().splitlines() if not line.startswith("#")}
    files = {file.stem for file in DAGS.glob("*.py") if file.name not in ignored}
    assert files == set(bag["dags"])
    batch = {"customer_pipeline", "lakehouse", "customer_segments", "summary_report", "churn_model"}
    assert files == batch | {"lake_upkeep", "live_retention", "stream_watch"}


def test_dag_policy(dags: dict) -> None:
    for name, dag in dags.items():
        assert dag["max_active_runs"] == 1, name
        assert dag["catchup"] is False, name
        assert dag["tags"], name
        for heading in ("# ", "## Run again", "## When it fails"):
            assert heading in (dag["doc"] or ""), f"{name}: its runbook lacks {heading!r}"


def test_task_policy(tasks: list) -> None:
    for name, task in tasks:
        where = f"{name}.{task['id']}"
        assert task["owner"] == "analytics", where
        assert task["retries"] == RETRIES == 2, where
        assert task["alerts"] == ["tell_of_failure"], where
        assert task["backoff"] > 1, where
        assert task["delay"] == 3, where
        assert task["timeout"], where
        assert task["doc"], where
        assert task["trigger_rule"] == "all_success", where


def test_the_pipeline_is_the_list_of_steps_in_their_order(dags: dict) -> None:
    tasks = dags["customer_pipeline"]["tasks"]
    assert [task["id"] for task in tasks] == ["freeze", *(step.name for step in BATCH_STEPS)]
    assert [task["upstream"] for task in tasks] == [[], *([task["id"]] for task in tasks[:-1])]
    assert [task["bash_command"] for task in tasks[1:]] == [step.shell(settings().tools) for step in BATCH_STEPS]
    assert dags["customer_pipeline"]["schedule"] == "0 */6 * * *"


def test_assets_lead_from_dag_to_dag(dags: dict) -> None:
    """Whoever waits for an asset is started by exactly the DAGs that make it."""
    makers = [(name, asset) for name, dag in dags.items() for task in dag["tasks"] for asset in task["outlets"]]
    edges = {(maker, name) for name, dag in dags.items() for maker, asset in makers if asset in dag["waits_for"]}
    assert edges == {
        ("lakehouse", "customer_segments"),
        ("customer_segments", "summary_report"),
        ("customer_pipeline", "summary_report"),
    }


def test_the_parts_run_the_steps_of_the_whole(dags: dict) -> None:
    whole = {task["id"]: task["bash_command"] for task in dags["customer_pipeline"]["tasks"]}
    parts = {"lakehouse": [EXPORT], "customer_segments": [step for step in SEGMENT_STEPS if step is not EXPORT]}
    for name, steps in parts.items():
        commands = {task["id"]: task["bash_command"] for task in dags[name]["tasks"] if task["bash_command"]}
        assert commands == {step.name: whole[step.name] for step in steps}


def test_the_churn_model_is_the_list_of_its_steps(dags: dict) -> None:
    tasks = dags["churn_model"]["tasks"]
    assert [task["id"] for task in tasks] == ["freeze", *(step.name for step in CHURN_STEPS)]
    assert [task["upstream"] for task in tasks] == [[], *([task["id"]] for task in tasks[:-1])]
    assert dags["churn_model"]["defaults"] == {"as_of": None, **asdict(ChurnParameters())}


def test_retention_runs_hourly(dags: dict) -> None:
    assert [task["id"] for task in dags["live_retention"]["tasks"]] == [RETENTION.name]
    assert dags["live_retention"]["schedule"].endswith("* * * *")


def test_the_stream_is_watched_every_five_minutes(dags: dict) -> None:
    assert [task["id"] for task in dags["stream_watch"]["tasks"]] == [STREAM_WATCH.name]
    assert dags["stream_watch"]["schedule"] == "*/5 * * * *"


def test_upkeep_runs_daily_between_runs_of_the_pipeline(dags: dict) -> None:
    tasks, schedule = dags["lake_upkeep"]["tasks"], dags["lake_upkeep"]["schedule"]
    assert [(each["id"], each["bash_command"]) for each in tasks] == [(LAKE_UPKEEP.name, LAKE_UPKEEP.shell(settings().tools))]
    assert schedule.endswith("* * *")
    assert int(schedule.split()[1]) % 6


def test_commands_run_in_the_checkout_and_take_values_from_the_environment(tasks: list) -> None:
    commands = [(name, task) for name, task in tasks if task["bash_command"]]
    assert len(commands) == len(BATCH_STEPS) + len(SEGMENT_STEPS) + len((*UPKEEP_STEPS, SUMMARY, *CHURN_STEPS))
    steps = {step.name: step for step in (*BATCH_STEPS, *CHURN_STEPS)}
    for name, task in commands:
        assert "{{" not in task["bash_command"], f"{name}.{task['id']}: a template in a shell command"
        assert task["append_env"] is True
        assert Path(task["cwd"]) == ROOT
        if name in ("customer_pipeline", "lakehouse", "customer_segments", "churn_model"):
            assert set(task["env"]) == set(steps[task["id"]].values)


def test_trigger_form(dags: dict) -> None:
    dag = dags["customer_pipeline"]
    assert dag["defaults"] == {"as_of": None, "k_min": K_MIN, "k_max": K_MAX}
    assert dag["params"]["as_of"]["format"] == "date"
    for name in ("k_min", "k_max"):
        assert dag["params"][name]["type"] == "integer"
        assert dag["params"][name]["minimum"] >= 2
        assert dag["params"][name]["maximum"] > dag["params"][name]["minimum"]

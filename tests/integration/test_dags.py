"""The DAGs load in Airflow's own environment and keep the policy."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from contracts.settings import ROOT, settings
from contracts.steps import BATCH_STEPS, K_MAX, K_MIN, LAKE_UPKEEP, RETENTION, UPKEEP_STEPS, Value

DAGS = ROOT / "airflow" / "dags"

# Runs in Airflow's environment: what the policy below looks at, as JSON.
DESCRIBE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(dag_folder=sys.argv[1])
dags = {
    dag.dag_id: {
        "doc": dag.doc_md, "tags": sorted(dag.tags), "max_active_runs": dag.max_active_runs, "catchup": dag.catchup,
        "schedule": dag.timetable.summary, "params": {name: dag.params.get_param(name).schema for name in dag.params},
        "defaults": dag.params.dump(),
        "tasks": [
            {
                "id": task.task_id, "owner": task.owner, "doc": task.doc_md or task.doc,
                "retries": task.retries, "backoff": task.retry_exponential_backoff, "delay": task.retry_delay.total_seconds(),
                "timeout": task.execution_timeout and task.execution_timeout.total_seconds(),
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
        "PYTHONPATH": str(ROOT),
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
    files = {file.stem for file in DAGS.glob("*.py")}
    assert files == set(bag["dags"]) == {"customer_pipeline", "lake_upkeep", "live_retention"}


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
        assert 2 <= task["retries"] <= 3, where
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


def test_retention_runs_hourly(dags: dict) -> None:
    assert [task["id"] for task in dags["live_retention"]["tasks"]] == [RETENTION.name]
    assert dags["live_retention"]["schedule"].endswith("* * * *")


def test_upkeep_runs_daily_between_runs_of_the_pipeline(dags: dict) -> None:
    tasks, schedule = dags["lake_upkeep"]["tasks"], dags["lake_upkeep"]["schedule"]
    assert [(each["id"], each["bash_command"]) for each in tasks] == [(LAKE_UPKEEP.name, LAKE_UPKEEP.shell(settings().tools))]
    assert schedule.endswith("* * *")
    assert int(schedule.split()[1]) % 6


def test_commands_run_in_the_checkout_and_take_values_from_the_environment(tasks: list) -> None:
    commands = [(name, task) for name, task in tasks if task["bash_command"]]
    assert len(commands) == len(BATCH_STEPS) + len(UPKEEP_STEPS)
    for name, task in commands:
        assert "{{" not in task["bash_command"], f"{name}.{task['id']}: a template in a shell command"
        assert task["append_env"] is True
        assert Path(task["cwd"]) == ROOT
        if name == "customer_pipeline":
            assert set(task["env"]) == set(Value)


def test_trigger_form(dags: dict) -> None:
    dag = dags["customer_pipeline"]
    assert dag["defaults"] == {"as_of": None, "k_min": K_MIN, "k_max": K_MAX}
    assert dag["params"]["as_of"]["format"] == "date"
    for name in ("k_min", "k_max"):
        assert dag["params"][name]["type"] == "integer"
        assert dag["params"][name]["minimum"] >= 2
        assert dag["params"][name]["maximum"] > dag["params"][name]["minimum"]

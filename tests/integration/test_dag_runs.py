"""DAGs run in Airflow itself, with programs that only say that they were called: order, frozen values, tries, alerts."""

import json
import os
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from contracts.settings import ROOT, settings
from contracts.steps import BATCH_STEPS, EXPORT, SEGMENT_STEPS, SUMMARY

DAGS = ROOT / "airflow" / "dags"

# Runs in Airflow's environment: one run of the DAG, its tasks' states as JSON.
RUN = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

run = DagBag(dag_folder=sys.argv[1]).dags[sys.argv[2]].test(run_conf=json.loads(sys.argv[3]))
print("STATES " + json.dumps({"run": str(run.state), "tasks": {ti.task_id: str(ti.state) for ti in run.get_task_instances()}}))
"""

# What a run that an export has triggered works on.
ADOPT = """
import json
from datetime import datetime
from types import SimpleNamespace
import customer_segments as dag

passed_on = {"AS_OF": "2026-01-31", "K_MIN": "9", "K_MAX": "9"}
exports = [SimpleNamespace(extra={"RUN_ID": name, **passed_on}) for name in ("older", "newer")]
dag.get_current_context = lambda: {
    "dag_run": SimpleNamespace(run_id="own", run_after=datetime(2026, 2, 1)),
    "params": {"as_of": None, "k_min": 2, "k_max": 5, "run_id": None},
    "triggering_asset_events": {dag.EXPORTED: exports},
}
print(json.dumps(dag.adopt.function()))
"""

# Which day the runs of two DAGs describe.
DAYS = """
import json
from datetime import UTC, datetime
from types import SimpleNamespace
import batch_tasks, churn_model as churn
from airflow.sdk.api.datamodels._generated import DagRunType

def day(dag, freeze, hour, kind):
    run = SimpleNamespace(run_id="own", run_after=datetime(2026, 2, 2, hour, tzinfo=UTC), run_type=kind)
    dag.get_current_context = lambda: {"dag_run": run, "params": {"as_of": None, **churn.USUAL}}
    return freeze.function()["AS_OF"]

print(json.dumps({
    kind.value: [day(batch_tasks, batch_tasks.freeze, 0, kind), day(churn, churn.freeze, 4, kind)]
    for kind in (DagRunType.SCHEDULED, DagRunType.MANUAL)
}))
"""


class Receiver(socketserver.StreamRequestHandler):
    """Enough of SMTP to take a letter."""

    def handle(self) -> None:
        self.wfile.write(b"220 test\r\n")
        while line := self.rfile.readline():
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                self.server.letters.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
            self.wfile.write(b"250 ok\r\n")


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Airflow's home with a database of its own, and the environment that leads to it."""
    home = tmp_path_factory.mktemp("airflow")
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{DAGS}",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "BATCH_RETRY_SECONDS": "1",
        "TOOLS_DIR": str(home / "tools"),
        "CALLS": str(home / "calls"),
    }
    python = settings().tools / "venvs" / "airflow" / "bin" / "python"
    migrated = subprocess.run(
        [python, "-m", "airflow", "db", "migrate"], env=environment, capture_output=True, text=True, timeout=300
    )
    assert migrated.returncode == 0, migrated.stderr[-2000:]
    return SimpleNamespace(home=home, environment=environment, python=python)


def program(airflow: SimpleNamespace, fails: str = "") -> None:
    """Every environment's Python becomes a script that notes its arguments, and fails for those that name ``fails``."""
    for venv in {step.venv for step in (*BATCH_STEPS, SUMMARY)}:
        path = airflow.home / "tools" / "venvs" / venv / "bin" / "python"
        path.parent.mkdir(parents=True, exist_ok=True)
        refusal = f'case "$*" in *{fails}*) exit 3;; esac' if fails else ""
        path.write_text(f'#!/bin/sh\necho "$*" >> "$CALLS"\n{refusal}\n')
        path.chmod(0o755)


def run(airflow: SimpleNamespace, dag: str, conf: dict | None = None, **changes: str) -> SimpleNamespace:
    calls = Path(airflow.environment["CALLS"])
    calls.write_text("")
    done = subprocess.run(
        [airflow.python, "-c", RUN, str(DAGS), dag, json.dumps(conf or {})],
        env={**airflow.environment, **changes}, capture_output=True, text=True, cwd=airflow.home, timeout=400,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("STATES ")]
    assert lines, (done.stdout + done.stderr)[-3000:]
    states = json.loads(lines[0].removeprefix("STATES "))
    return SimpleNamespace(**states, calls=calls.read_text().splitlines(), text=(done.stdout + done.stderr)[-3000:])


@pytest.fixture
def mail() -> Iterator[socketserver.TCPServer]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Receiver) as server:
        server.letters = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_the_pipeline_runs_every_step_once_in_order(airflow: SimpleNamespace) -> None:
    program(airflow)
    done = run(airflow, "customer_pipeline", {"as_of": "2026-01-31", "k_min": 3, "k_max": 4})
    assert done.run == "success", done.text
    assert [call.split(" --")[0] for call in done.calls] == [" ".join(step.arguments[:2]).split(" --")[0] for step in BATCH_STEPS]
    assert done.calls[0].endswith("--as-of 2026-01-31")
    runs = {call.split("--run-id ")[1].split()[0] for call in done.calls[1:]}
    assert len(runs) == 1, "each step works on the same run"
    assert any("--k-min 3 --k-max 4" in call for call in done.calls)


def test_a_step_that_fails_is_tried_three_times_stops_the_rest_and_is_told(
    airflow: SimpleNamespace, mail: socketserver.TCPServer
) -> None:
    program(airflow, fails="lakehouse.export")
    address = f"127.0.0.1:{mail.server_address[1]}"
    done = run(airflow, "customer_pipeline", ALERT_SMTP_SERVER=address, ALERT_MAIL_TO="team@example.org")
    assert done.run == "failed"
    assert sum("lakehouse.export" in call for call in done.calls) == 3
    assert done.tasks[EXPORT.name] == "failed"
    assert {done.tasks[step.name] for step in SEGMENT_STEPS[1:]} == {"upstream_failed"}
    (letter,) = mail.letters
    assert "Subject: Failed: customer_pipeline.export_to_iceberg" in letter


def test_the_parts_run_by_hand(airflow: SimpleNamespace) -> None:
    program(airflow)
    exported = run(airflow, "lakehouse", {"as_of": "2026-01-31"})
    assert exported.run == "success", exported.text
    (call,) = exported.calls
    run_id = call.split("--run-id ")[1].split()[0]
    cut = run(airflow, "customer_segments", {"run_id": run_id})
    assert cut.run == "success", cut.text
    assert len(cut.calls) == len(SEGMENT_STEPS) - 1
    assert all(f"--run-id {run_id}" in call for call in cut.calls)


def test_an_export_hands_its_run_on(airflow: SimpleNamespace) -> None:
    done = subprocess.run([airflow.python, "-c", ADOPT], env=airflow.environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    values = json.loads(done.stdout.splitlines()[-1])
    assert values == {"RUN_ID": "newer", "AS_OF": "2026-01-31", "K_MIN": "2", "K_MAX": "5"}


def test_scheduled_runs_describe_the_day_that_is_over_and_others_their_own(airflow: SimpleNamespace) -> None:
    done = subprocess.run([airflow.python, "-c", DAYS], env=airflow.environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {"scheduled": ["2026-02-01"] * 2, "manual": ["2026-02-02"] * 2}


def test_segments_of_no_export_are_refused(airflow: SimpleNamespace) -> None:
    program(airflow)
    done = run(airflow, "customer_segments")
    assert (done.run, done.tasks["freeze"], done.calls) == ("failed", "failed", [])


def test_the_summary_is_a_dag_of_one_step(airflow: SimpleNamespace) -> None:
    program(airflow)
    done = run(airflow, "summary_report")
    assert (done.run, done.calls) == ("success", [" ".join(SUMMARY.arguments)])

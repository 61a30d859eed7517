"""Three brokers and two TaskManagers on one machine: one of each is lost under load, and the others go on with all of it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.settings import ROOT, Settings
from runner import processes
from tests.leftovers import stopped
from tests.listeners import beyond_loopback, listeners, ports
from tests.ports import free_offset

FAULT = "a broker and a TaskManager lost"
BROKERS = ("kafka", "kafka-2", "kafka-3")
TASK_MANAGERS = ("flink-taskmanager", "flink-taskmanager-2")
SIZES = {
    "KAFKA_BROKERS": "3",
    "FLINK_TASKMANAGERS": "2",
    "FLINK_PARALLELISM": "2",
    # The job finds room on the one that is left.
    "FLINK_SLOTS": "2",
    "FLINK_TASKMANAGER_MEMORY": "2048m",
    "FLINK_JOBMANAGER_MEMORY": "768m",
    "CONNECT_HEAP": "256m",
}
# What carries an event to Postgres and ClickHouse, and with it all that they need.
PARTS = ("connector", "flink_jobs", "clickhouse-sink")
SECONDS = 900

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def environment(var: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.endswith(("_PORT", "_PASSWORD", "_URL", "_HOST"))}
    own = {"PYTHONPATH": ROOT, "VAR_DIR": var, "ENV_FILE": var.parent / ".env", "PORT_OFFSET": free_offset()}
    return kept | SIZES | {name: str(value) for name, value in own.items()}


@pytest.fixture
def run(var: Path, environment: dict[str, str]) -> Iterator[Run]:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "-m", *arguments)
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS)
        print(f"$ {' '.join(arguments)}  [{done.returncode}]\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}")
        return done

    yield run
    stopped(var, lambda: run("runner.stop"))


def held(status: str) -> dict[str, list[str]]:
    """Of each part that runs: the words of its line."""
    lines = (line.split() for line in status.splitlines())
    return {words[0]: words for words in lines if "running" in words}


@pytest.mark.timeout(SECONDS)
def test_a_broker_and_a_task_manager_are_lost_and_nothing_else(var: Path, environment: dict[str, str], run: Run):
    assert run("runner", "up", *PARTS).returncode == 0
    found = listeners(var)
    s = Settings(environment)
    assert {s.port(f"{broker}{part}") for broker in s.brokers for part in ("", "_CONTROLLER")} <= ports(found)
    assert beyond_loopback(found) == []

    assert run("chaos", "--fault", FAULT).returncode == 0
    (result,) = json.loads((var / "chaos" / "results.json").read_text())
    assert result["fault"] == FAULT and not result["skipped"]
    assert result["seconds_to_recover"] is not None and result["failed"] == ""
    assert (result["missing"], result["wrong"], result["duplicated"]) == (0, 0, 0)
    assert FAULT in (var / "reports" / "chaos.html").read_text()

    running = held(run("runner", "status").stdout)
    assert all(running[name][2] == "well" for name in (*BROKERS, *TASK_MANAGERS))
    assert run("runner", "logs", "kafka-3").stdout.count("\n") > 10

    assert run("runner.stop").returncode == 0
    assert processes.marked(var) == set()

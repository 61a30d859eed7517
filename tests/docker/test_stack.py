"""docker-compose.yml, run: healthy, confined, the journey, the models, a kill of each kind, down and up, nothing left behind.

Not part of `make test`. Each test takes the stack running and leaves it so, but for the last.
"""

import json
import sys
import time

import pytest
import requests

from contracts.ml import CHURN_SCORES
from contracts.settings import ROOT
from lakehouse import clients
from tests.docker.conftest import PROFILES, PROJECT, Stack, told
from tests.docker.result import keep

sys.path.insert(0, str(ROOT / "tests" / "models"))
from made_up import AS_OF, features, fill

# One after the other under load; the broker first, since everything else must live through its absence.
KILLED = (
    "kafka", "connect", "flink-taskmanager", "flink-jobmanager", "flink-job", "postgres", "clickhouse", "clickhouse-sink",
    "minio", "watch", "airflow-scheduler", "airflow-api-server", "airflow-dag-processor", "airflow-triggerer", "superset",
    "kafdrop", "mlflow",
)  # fmt: skip
LOAD_SECONDS = 100
CHURN_SECONDS = 1200
COUNTS = (
    "from contracts.tables import RAW_PURCHASE_EVENTS as p, RAW_WEB_EVENTS as w; from verify.stores import warehouse; "
    "print(*(warehouse().query(f'SELECT count() FROM {t.qualified} FINAL').first_row[0] for t in (w, p)))"
)

CHURN = """
import sys
from runner.airflow_client import Airflow
airflow = Airflow()
run = airflow.start("churn_model", {"as_of": sys.argv[1], "trials": 0})
airflow.wait(run, float(sys.argv[2]))
print(airflow.returned(run, "freeze")["RUN_ID"])
"""

of_batch = pytest.mark.skipif("batch" not in PROFILES, reason="of the profile batch, which PROFILES leaves out")


def counts(stack: Stack) -> list[int]:
    """Web events and states of purchases in the warehouse."""
    done = stack.tools("-c", COUNTS)
    assert done.returncode == 0, done.stderr
    return [int(text) for text in done.stdout.split()]


def test_everything_is_healthy(stack: Stack):
    running = stack.containers()
    assert set(running) == stack.expected() and len(running) >= 9
    assert stack.unhealthy() == {}
    ended = {name: each for name, each in stack.containers("--all").items() if name not in running}
    assert ended and {name: each["State"]["ExitCode"] for name, each in ended.items()} == dict.fromkeys(ended, 0)


def test_containers_are_confined(stack: Stack, secrets: list[str]):
    for name, each in stack.containers("--all").items():
        host = each["HostConfig"]
        assert host["CapDrop"] == ["ALL"] and not host["CapAdd"], name
        assert "no-new-privileges:true" in host["SecurityOpt"], name
        assert host["Memory"] > 0 and not host["Privileged"], name
        bound = [entry["HostIp"] for entries in (host["PortBindings"] or {}).values() for entry in entries]
        assert set(bound) <= {"127.0.0.1"}, name
        assert not [secret for secret in secrets if secret in json.dumps(each)], f"{name} shows a secret"
    for name, each in stack.containers().items():
        users = [line.split()[1] for line in stack.docker("top", each["Id"], "-o", "pid,uid").splitlines()[1:]]
        assert users and "0" not in users, f"{name} runs as root"


@of_batch
def test_the_journey_through_airflow(stack: Stack):
    began = time.monotonic()
    stack.make("docker-demo", seconds=1500)
    seconds = time.monotonic() - began
    done = stack.tools("-c", "from pathlib import Path; print(Path('/var/lib/stack/demo/summary.json').read_text())")
    summary = json.loads(done.stdout)
    assert summary["differences"] == [] and all(summary["invariants"].values())
    assert set(summary["invariants"]) == {f"I{number}" for number in range(1, 9)}
    assert summary["hops"]["customers"]["sent"] == 400
    keep("`make docker-demo`, 400 customers, every invariant holds", f"{seconds:.0f} s")
    keep("memory after it, all containers", f"{stack.memory():,.0f} MB")


@of_batch
def test_mlflow_joins_and_keeps_the_model_that_airflow_trained(stack: Stack):
    stack.make("docker-up", PROFILES="core,batch,ui,models")
    assert "mlflow" in stack.containers() and stack.unhealthy() == {}
    fill(clients.warehouse(stack.settings()), features())
    began = time.monotonic()
    done = stack.tools("-c", CHURN, AS_OF.isoformat(), str(CHURN_SECONDS), seconds=CHURN_SECONDS + 60)
    assert done.returncode == 0, done.stderr[-4000:]
    keep("the churn model of 400 customers through Airflow", f"{time.monotonic() - began:.0f} s")
    run_id = done.stdout.split()[-1]
    registry = f"http://127.0.0.1:{stack.port('MLFLOW')}/api/2.0/mlflow"
    found = requests.get(f"{registry}/registered-models/alias", {"name": "churn", "alias": "champion"}, timeout=60)
    found.raise_for_status()
    tags = {each["key"]: each["value"] for each in found.json()["model_version"]["tags"]}
    assert run_id in tags.values()
    scored = f"SELECT count() FROM {CHURN_SCORES.qualified} FINAL WHERE run_id = '{run_id}'"
    assert clients.warehouse(stack.settings()).query(scored).first_row == (400,)
    keep("memory with MLflow after it, all containers", f"{stack.memory():,.0f} MB")


def test_a_container_of_each_kind_is_killed_and_comes_back_with_nothing_lost(stack: Stack):
    before = stack.containers()
    killed = [name for name in KILLED if name in before]
    assert set(killed) == set(before) >= stack.expected()
    was = counts(stack)[0]
    with stack.load(LOAD_SECONDS, seed=7):
        began = time.monotonic()
        for name in killed:
            stack.kill(name)
            time.sleep(3)
    stack.wait_healthy()
    keep(
        "a container of each kind killed under load, until all are healthy",
        f"{time.monotonic() - began:.0f} s, {len(killed)} containers",
    )
    after = stack.containers()
    assert {name for name in killed if after[name]["RestartCount"] == before[name]["RestartCount"]} == set()
    stack.verified()
    assert counts(stack)[0] > was


def test_what_was_there_is_there_after_down_and_up(stack: Stack):
    with stack.load(10, seed=9):
        pass
    stack.verified()
    was = counts(stack)
    assert was[0] > 0
    stack.stop()
    # 137 and 124 are ends by force: the grace time was over.
    ends = {name: each["State"]["ExitCode"] for name, each in stack.containers("--all").items()}
    assert {name: code for name, code in ends.items() if code in (124, 137)} == {}
    stack.make("docker-down")
    assert stack.mine("container", "--all") == []
    assert len(stack.mine("volume")) >= 4
    began = time.monotonic()
    stack.make("docker-up")
    keep(told("`make docker-up` with data there"), f"{time.monotonic() - began:.0f} s")
    assert counts(stack) == was
    stack.verified()


def test_clean_leaves_nothing(stack: Stack):
    stack.make("docker-clean")
    assert stack.mine("container", "--all") == []
    for kind in ("volume", "network"):
        assert stack.mine(kind) == [], kind
    assert PROJECT not in stack.docker("network", "ls") + stack.docker("volume", "ls")

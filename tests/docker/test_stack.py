"""docker-compose.yml, run: healthy, confined, the journey, a kill of each kind, down and up, nothing left behind.

Not part of `make test`. Each test takes the stack running and leaves it so, but for the last.
"""

import json
import subprocess
import time

from contracts.settings import ROOT
from tests.docker.conftest import PROJECT, Stack
from tests.docker.result import keep

# One after the other under load; the broker first, since everything else must live through its absence.
KILLED = (
    "kafka", "connect", "flink-taskmanager", "flink-jobmanager", "flink-job", "postgres", "clickhouse", "clickhouse-sink",
    "minio", "watch", "airflow-scheduler", "airflow-api-server", "airflow-dag-processor", "airflow-triggerer", "superset",
)  # fmt: skip
LOAD_SECONDS = 100
BACK_SECONDS = 420
COUNTS = (
    "from contracts.tables import RAW_PURCHASE_EVENTS as p, RAW_WEB_EVENTS as w; from verify.stores import warehouse; "
    "print(*(warehouse().query(f'SELECT count() FROM {t.qualified} FINAL').first_row[0] for t in (w, p)))"
)


def counts(stack: Stack) -> list[int]:
    """Web events and states of purchases in the warehouse."""
    done = stack.tools("-c", COUNTS)
    assert done.returncode == 0, done.stderr
    return [int(text) for text in done.stdout.split()]


def verified(stack: Stack) -> None:
    done = stack.tools("-m", "verify")
    assert done.returncode == 0, f"verify:\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}"


def megabytes(text: str) -> float:
    """Of docker's own units: 12.5MiB, 1.2GiB."""
    for unit, factor in (("GiB", 1024), ("MiB", 1), ("KiB", 1 / 1024), ("B", 2**-20)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise ValueError(text)


def memory(stack: Stack) -> float:
    """MB that the project's containers hold now, without the page cache."""
    lines = stack.docker("stats", "--no-stream", "--format", "{{.MemUsage}}", *stack.mine("container")).splitlines()
    return sum(megabytes(line.split(" / ")[0]) for line in lines)


def test_everything_is_healthy(stack: Stack):
    running = stack.containers()
    assert len(running) >= 14
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
    keep("memory after it, all containers", f"{memory(stack):,.0f} MB")


def test_a_container_of_each_kind_is_killed_and_comes_back_with_nothing_lost(stack: Stack):
    before = stack.containers()
    assert set(KILLED) | {"kafdrop"} >= set(before) >= set(KILLED)
    was = counts(stack)[0]
    send = ("--rate", "50", "--seconds", str(LOAD_SECONDS), "--seed", "7")
    command = [*stack.compose(), "--env-file", stack.environment["ENV_FILE"], "--profile", "*", "run", "--rm", "-T", "tools"]
    load = subprocess.Popen(
        [*command, "-m", "generators", "web_events", *send], cwd=ROOT, env=stack.environment, stdout=subprocess.DEVNULL
    )
    began = time.monotonic()
    for name in KILLED:
        # Everything in the container, so that its first process ends as well; `docker kill` would count as a wish.
        stack.run("docker", "exec", before[name]["Id"], "sh", "-c", "kill -9 -1")
        time.sleep(3)
    assert load.wait(LOAD_SECONDS + BACK_SECONDS) == 0
    stack.wait_healthy(BACK_SECONDS)
    keep(f"{len(KILLED)} containers killed one after the other under load, all healthy", f"{time.monotonic() - began:.0f} s")
    after = stack.containers()
    assert {name for name in KILLED if after[name]["RestartCount"] == before[name]["RestartCount"]} == set()
    verified(stack)
    assert counts(stack)[0] > was


def test_what_was_there_is_there_after_down_and_up(stack: Stack):
    was = counts(stack)
    ids = stack.mine("container")
    stack.docker("stop", *ids)
    # 137 and 124 are ends by force: the grace time was over.
    ends = {name: each["State"]["ExitCode"] for name, each in stack.containers("--all").items()}
    assert {name: code for name, code in ends.items() if code in (124, 137)} == {}
    stack.make("docker-down")
    assert stack.mine("container", "--all") == []
    assert len(stack.mine("volume")) >= 6
    began = time.monotonic()
    stack.make("docker-up")
    keep("`make docker-up` with data there", f"{time.monotonic() - began:.0f} s")
    assert counts(stack) == was
    verified(stack)


def test_clean_leaves_nothing(stack: Stack):
    stack.make("docker-clean")
    assert stack.mine("container", "--all") == []
    for kind in ("volume", "network"):
        assert stack.mine(kind) == [], kind
    assert PROJECT not in stack.docker("network", "ls") + stack.docker("volume", "ls")

"""Two real services, Postgres and Kafka, in a place and on ports of their own: start, die, come back, stop."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.settings import ROOT
from runner import processes
from tests.ports import free_offset

PARTS = ("postgres", "kafka")
BACK_SECONDS = 90


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "var"
    for pid in processes.marked(tmp_path / "var"):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def runner(var: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    kept = {name: value for name, value in os.environ.items() if not name.endswith(("_PORT", "_PASSWORD", "_URL"))}
    environment = {
        **kept,
        "PYTHONPATH": str(ROOT),
        "VAR_DIR": str(var),
        "ENV_FILE": str(var.parent / ".env"),
        "PORT_OFFSET": str(free_offset()),
    }

    def run(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "-m", *arguments)
        return subprocess.run(command, cwd=ROOT, env={**environment, **changes}, capture_output=True, text=True, timeout=300)

    return run


def held(var: Path, word: str) -> list[int]:
    """Processes of the stack with a word in their command line."""
    return [pid for pid in processes.marked(var) if word in processes.command(pid) and processes.parents().get(pid)]


def wait_for(what: Callable[[], bool], seconds: float, name: str) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"{name} did not happen within {seconds} s"
        time.sleep(0.5)


def row(status: str, part: str) -> list[str]:
    return next(line.split() for line in status.splitlines() if line.startswith(f"{part} "))


def test_services_start_come_back_and_leave_nothing(var: Path, runner: Callable[..., subprocess.CompletedProcess[str]]):
    up = runner("runner", "up", *PARTS)
    assert up.returncode == 0, up.stderr
    assert {line.split()[0] for line in up.stdout.splitlines() if " ready after " in line} == set(PARTS)

    again = runner("runner", "up", *PARTS)
    assert again.returncode == 0, again.stderr

    (broker,) = held(var, "java")
    os.kill(broker, signal.SIGKILL)

    def is_back() -> bool:
        words = row(runner("runner", "status").stdout, "kafka")
        return words[1:3] == ["running", "well"]

    wait_for(lambda: broker not in held(var, "java") and is_back(), BACK_SECONDS, "the broker's return")
    status = runner("runner", "status")
    assert row(status.stdout, "kafka")[-1] == "1", status.stdout
    assert row(status.stdout, "postgres")[-1] == "0", status.stdout
    assert row(status.stdout, "connect")[1] == "stopped"
    assert status.returncode == 1, "parts that do not run are not well"

    down = runner("runner.stop")
    assert down.returncode == 0, down.stderr
    assert processes.marked(var) == set()
    assert (var / "postgres" / "PG_VERSION").exists()

    gone = runner("runner.stop", "--remove-data")
    assert gone.returncode == 0, gone.stderr
    assert not var.exists()


def test_a_service_that_dies_is_named_with_its_log_and_nothing_is_left(
    var: Path, runner: Callable[..., subprocess.CompletedProcess[str]]
):
    up = runner("runner", "up", "postgres", POSTGRES_SHARED_BUFFERS="banana")
    assert up.returncode == 1
    assert up.stderr.startswith("postgres: died at start")
    assert 'invalid value for parameter "shared_buffers"' in up.stderr
    assert "Traceback" not in up.stderr
    assert processes.marked(var) == set()


def test_what_a_killed_supervisor_left_is_ended(var: Path, runner: Callable[..., subprocess.CompletedProcess[str]]):
    assert runner("runner", "up", "postgres").returncode == 0
    os.kill(int((var / "run" / "supervisord.pid").read_text()), signal.SIGKILL)
    wait_for(lambda: not held(var, "supervisord"), 10, "supervisord's end")
    assert processes.marked(var), "the database goes on without its supervisor"
    down = runner("runner.stop")
    assert down.returncode == 0, down.stderr
    assert "nobody held" in down.stdout
    assert processes.marked(var) == set()

"""Submit the job from its newest savepoint or checkpoint, unless it runs; stop it with a savepoint."""

import os
import re
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import requests

from contracts.settings import ROOT, settings
from flink_jobs import JOB
from flink_jobs.state import state_folder
from runner import flink
from runner.tools import python

DEADLINE_SECONDS = 180
METADATA = "_metadata"
# The newest, and the one that the stopped job had begun with.
SAVEPOINTS_KEPT = 2
OTHER_PLAN = "Cannot map checkpoint/savepoint state"
STARTING = ("CREATED", "INITIALIZING", "RESTARTING")


class JobError(RuntimeError):
    """The job could not be submitted, does not run, or could not be stopped; the message says why."""


def running() -> str:
    """The id of the job that runs or is about to; empty where there is none."""
    for found in _get("/jobs/overview")["jobs"]:
        if found["name"] == JOB and found["state"] in ("RUNNING", *STARTING):
            return found["jid"]
    return ""


def running_since() -> float:
    """When the job that runs began to, seconds since 1970: its tasks were then still to be deployed."""
    return _get(f"/jobs/{running()}")["timestamps"]["RUNNING"] / 1000


def newest_state() -> Path | None:
    """The newest complete savepoint or checkpoint of earlier runs. Older ones may vanish while one looks: Flink removes those
    that it does not retain."""
    written: dict[Path, float] = {}
    for folder, _, files in os.walk(state_folder(settings())):
        if METADATA in files:
            with suppress(FileNotFoundError):
                written[Path(folder)] = Path(folder, METADATA).stat().st_mtime
    return max(written, key=lambda state: written[state], default=None)


def submit() -> None:
    """May run again: a job that runs is left alone. JobError when it does not get to run."""
    if running():
        _wait_until_running()
        return
    state = newest_state()
    _launch([state.as_uri()] if state else [])
    _wait_until_running()
    remove_left(state)


def _launch(arguments: list[str]) -> None:
    interpreter = python("flink")
    command = [
        str(flink.home() / "bin" / "flink"), "run", "-d", "-pyexec", interpreter, "-pyclientexec", interpreter,
        "-py", str(ROOT / "flink_jobs" / "launch.py"), *arguments,
    ]  # fmt: skip
    try:
        done = subprocess.run(command, env=flink.environment(), capture_output=True, text=True, timeout=DEADLINE_SECONDS)
    except subprocess.TimeoutExpired:
        raise JobError(f"the job was not accepted within {DEADLINE_SECONDS} s") from None
    if done.returncode:
        raise JobError(f"the job was not accepted: {cause(done.stdout + done.stderr)}")


def cause(output: str) -> str:
    """What tells most of a failed submission: Python's own error, else the innermost Java one."""
    if OTHER_PLAN in output:
        return f"its state is of another plan: move {state_folder(settings())} away to compute from the topics anew"
    # The client's last words only say that Python failed.
    lines = [line for line in output.splitlines() if "Python process exits" not in line]
    python_errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception): ", line)]
    java_errors = [line for line in lines if line.startswith("Caused by: ")]
    return (python_errors or java_errors or lines or ["no output"])[-1][:500]


def checkpoint() -> None:
    """Ask for a checkpoint now: offsets are committed with it. Where none can begin, the next regular one serves: the job
    may be restarting, or the JobManager."""
    with suppress(requests.RequestException):
        if identity := running():
            requests.post(f"{settings().url('FLINK')}/jobs/{identity}/checkpoints", json={}, timeout=30)


def checkpoints(state: str) -> int:
    """How many checkpoints of the running job ended so: completed or failed."""
    return _get(f"/jobs/{running()}/checkpoints")["counts"][state]


def newest_checkpoint() -> float:
    """When the newest checkpoint was complete, seconds since 1970: what was read before it is written."""
    return _get(f"/jobs/{running()}/checkpoints")["latest"]["completed"]["latest_ack_timestamp"] / 1000


def stop() -> None:
    """Stop with a savepoint. Without one the last checkpoint serves: it is retained."""
    identity = running()
    if not identity:
        return
    # RocksDB's own files: the canonical format reads and writes every entry of the state again, twice.
    body = {"targetDirectory": savepoints().as_uri(), "drain": False, "formatType": "NATIVE"}
    request = requests.post(f"{settings().url('FLINK')}/jobs/{identity}/stop", json=body, timeout=30)
    request.raise_for_status()
    trigger, deadline = request.json()["request-id"], time.monotonic() + DEADLINE_SECONDS
    while (answer := _get(f"/jobs/{identity}/savepoints/{trigger}"))["status"]["id"] != "COMPLETED":
        if time.monotonic() > deadline:
            raise JobError(f"no savepoint after {DEADLINE_SECONDS} s")
        time.sleep(0.5)
    if "failure-cause" in answer["operation"]:
        raise JobError(f"no savepoint: {answer['operation']['failure-cause']['stack-trace'].splitlines()[0]}")
    remove_old()


def savepoints() -> Path:
    return state_folder(settings()) / "savepoints"


def remove_old() -> None:
    """Leave the newest savepoints: nobody else removes them, and each holds the whole state."""
    for old in sorted(savepoints().iterdir(), key=lambda each: each.stat().st_mtime)[:-SAVEPOINTS_KEPT]:
        shutil.rmtree(old)


def remove_left(begun: Path | None) -> None:
    """Checkpoints of earlier jobs: one that died with its JobManager left a whole state.

    For a job that runs, and so has read ``begun``: the folder of that stays, until the job has a checkpoint of its own it is
    all there is. The job's own checkpoints refer to no other's files (claim mode NO_CLAIM, Flink's default).
    """
    if not (job := running()):
        return
    for folder in (state_folder(settings()) / "checkpoints").glob("*"):
        if folder.name != job and not (begun and begun.is_relative_to(folder)):
            shutil.rmtree(folder)


def _wait_until_running() -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        identity = running()
        tasks = _get(f"/jobs/{identity}")["status-counts"] if identity else {}
        if identity and tasks.get("RUNNING", 0) == sum(tasks.values()):
            return
        if time.monotonic() > deadline:
            page = settings().url("FLINK")
            raise JobError(f"the job does not run after {DEADLINE_SECONDS} s: {tasks or 'it is gone'}; its page is {page}")
        time.sleep(0.5)


def flink_is_away(error: requests.RequestException) -> str:
    """In one line. The HTTP client's own words hide the address in a chain of objects."""
    return f"Flink does not answer on {settings().url('FLINK')} ({type(error).__name__})"


def _get(path: str) -> dict:  # type: ignore[type-arg]
    answer = requests.get(f"{settings().url('FLINK')}{path}", timeout=30)
    answer.raise_for_status()
    return answer.json()

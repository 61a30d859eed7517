"""Submit the job where it does not run, from its newest savepoint or checkpoint; stop it with a savepoint."""

import re
import subprocess
import time
from pathlib import Path

import requests

from contracts.settings import ROOT, settings
from flink_jobs import JOB_NAME
from runner import flink
from runner.tools import python

DEADLINE_SECONDS = 180
STARTING = ("CREATED", "INITIALIZING", "RESTARTING")


class JobError(RuntimeError):
    """The job could not be submitted, does not run, or could not be stopped; the message says why."""


def running() -> str:
    """The id of the job that runs or is about to; empty where there is none."""
    for job in _get("/jobs/overview")["jobs"]:
        if job["name"] == JOB_NAME and job["state"] in ("RUNNING", *STARTING):
            return job["jid"]
    return ""


def newest_state() -> Path | None:
    """The newest complete savepoint or checkpoint of any earlier run."""
    found = (settings().var / "flink").glob("*points/**/_metadata")
    return max((file.parent for file in found), key=lambda folder: (folder / "_metadata").stat().st_mtime, default=None)


def submit() -> None:
    """May run again: a job that runs is left alone. JobError when it does not get to run."""
    if not running():
        state = newest_state()
        resume = ["-s", state.as_uri()] if state else []
        interpreter = python("flink")
        command = [
            str(flink.home() / "bin" / "flink"), "run", "-d", *resume, "-pyexec", interpreter, "-pyclientexec", interpreter,
            "-py", str(ROOT / "flink_jobs" / "job.py"),
        ]  # fmt: skip
        done = subprocess.run(command, env=flink.environment(), capture_output=True, text=True, timeout=DEADLINE_SECONDS)
        if done.returncode:
            raise JobError(f"job {JOB_NAME} was not accepted: {_cause(done.stdout + done.stderr)}")
    _wait_until_running()


def _cause(output: str) -> str:
    """The line that tells most of a failed submission: Python's own error, else the innermost Java one."""
    lines = output.splitlines()
    python_errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception): ", line)]
    java_errors = [line for line in lines if line.startswith("Caused by: ")]
    return (python_errors or java_errors or lines or ["no output"])[-1][:500]


def stop() -> None:
    """Stop with a savepoint. Without one the last checkpoint serves: it is retained."""
    job = running()
    if not job:
        return
    request = requests.post(f"{settings().url('FLINK')}/jobs/{job}/stop", json={"drain": False}, timeout=30)
    request.raise_for_status()
    trigger, deadline = request.json()["request-id"], time.monotonic() + DEADLINE_SECONDS
    while (answer := _get(f"/jobs/{job}/savepoints/{trigger}"))["status"]["id"] != "COMPLETED":
        if time.monotonic() > deadline:
            raise JobError(f"job {JOB_NAME}: no savepoint after {DEADLINE_SECONDS} s")
        time.sleep(0.5)
    if "failure-cause" in answer["operation"]:
        raise JobError(f"job {JOB_NAME}: no savepoint: {answer['operation']['failure-cause']['stack-trace'].splitlines()[0]}")


def _wait_until_running() -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        job = running()
        tasks = _get(f"/jobs/{job}")["status-counts"] if job else {}
        if job and tasks.get("RUNNING", 0) == sum(tasks.values()):
            return
        if time.monotonic() > deadline:
            found = tasks or "no job"
            raise JobError(
                f"job {JOB_NAME} does not run after {DEADLINE_SECONDS} s: {found}; its page is {settings().url('FLINK')}"
            )
        time.sleep(0.5)


def _get(path: str) -> dict:  # type: ignore[type-arg]
    answer = requests.get(f"{settings().url('FLINK')}{path}", timeout=30)
    answer.raise_for_status()
    return answer.json()

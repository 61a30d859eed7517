"""``python -m flink_jobs.upgrade``: stop the job with a savepoint, and start the job of this checkout there."""

import sys
import time
import xmlrpc.client

import requests

from contracts.settings import SettingsError, settings
from flink_jobs.submit import JobError, flink_is_away, newest_state, running, stop, submit
from runner import probes
from runner.control import Control
from runner.flink import task_managers
from runner.lock import starting
from runner.service import NotReadyError, StackError

STOP_SECONDS = 60


def main() -> int:
    try:
        # Else the JobManager's return, or `make up`, would submit a second job in between.
        with starting():
            upgrade()
    except (JobError, StackError, NotReadyError, SettingsError, OSError, xmlrpc.client.Error) as error:
        print(f"upgrade: {cause(error)}; `make up` submits the job where it does not run", file=sys.stderr)
        return 1
    print(f"the job runs; its page is {settings().url('FLINK')}")
    return 0


def upgrade() -> None:
    """Any of the errors above leaves the job's state on disk, from which the next submission goes on."""
    if not running():
        raise JobError("the job does not run")
    stop()
    print(f"stopped at {newest_state()}", flush=True)
    restart_taskmanagers()
    submit()


def cause(error: Exception) -> str:
    """One line."""
    if isinstance(error, requests.RequestException):
        return flink_is_away(error)
    return (str(error).splitlines() or [type(error).__name__])[0]


def restart_taskmanagers() -> None:
    """Python inside a TaskManager keeps the modules that it has loaded: a new version needs a new process."""
    control, names, deadline = Control(), task_managers(settings()), time.monotonic() + STOP_SECONDS
    for name in names:
        control.stop(name)
    while left := [name for name in names if control.process(name).state != "STOPPED"]:
        if time.monotonic() > deadline:
            raise JobError(f"{', '.join(left)} did not stop within {STOP_SECONDS} s")
        time.sleep(0.2)
    for name in names:
        control.start(name)
    probes.until(probes.flink(len(names)), "the Flink cluster")()


if __name__ == "__main__":
    sys.exit(main())

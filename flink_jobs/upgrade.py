"""``python -m flink_jobs.upgrade``: stop the job with a savepoint, and start the job of this checkout there."""

import sys
import time

from contracts.settings import settings
from flink_jobs.submit import JobError, newest_state, running, stop, submit
from runner import probes
from runner.control import Control
from runner.flink import task_managers

STOP_SECONDS = 60


def main() -> int:
    try:
        if not running():
            raise JobError("the job does not run: `make up` first")
        stop()
        print(f"stopped at {newest_state()}", flush=True)
        restart_taskmanagers()
        submit()
    except JobError as error:
        print(f"upgrade: {error}", file=sys.stderr)
        return 1
    print(f"the job runs; its page is {settings().url('FLINK')}")
    return 0


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

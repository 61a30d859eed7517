"""Submit the streaming job again when the JobManager came back without it.

An event listener of supervisord: without high availability a JobManager that dies loses its job, and the retained
checkpoint only needs someone to resume from it. supervisord speaks on standard input and reads standard output; what we
have to tell goes to standard error, which is our log.
"""

import sys
import time
import traceback

from supervisor import childutils

from runner import probes
from runner.lock import starting
from runner.service import NotReadyError
from runner.steps import steps, submitted_mark

JOBMANAGER = "flink-jobmanager"
ATTEMPTS = 5
CLUSTER_SECONDS = 600
# A whole start on a slow machine, with its migrations.
LOCK_SECONDS = 3600
LOOK_SECONDS = 2.0


def main() -> None:
    while True:
        _, payload = childutils.listener.wait()
        if childutils.get_headers(payload).get("processname") == JOBMANAGER:
            revive()
        childutils.listener.ok()


def revive() -> None:
    """Nothing where no job has ever been submitted. Submitting is harmless where the job runs."""
    if not submitted_mark().exists():
        return
    for attempt in range(1, ATTEMPTS + 1):
        try:
            probes.until(probes.flink(task_managers=1), "the Flink cluster", CLUSTER_SECONDS)()
            submit()
        except Exception:
            tell(f"attempt {attempt} of {ATTEMPTS} failed:\n{traceback.format_exc()}")
        else:
            tell("the streaming job runs")
            return


def submit() -> None:
    """Once nobody else starts anything: whoever does may have submitted before the JobManager died, and not look again.

    Looks again and again, since to wait for the lock is told on standard output. NotReadyError after LOCK_SECONDS.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        with starting(wait=False) as ours:
            if ours:
                steps()["flink_jobs"].run()
                return
        if time.monotonic() > deadline:
            raise NotReadyError(f"another start has been at work for {LOCK_SECONDS} s")
        time.sleep(LOOK_SECONDS)


def tell(text: str) -> None:
    print(time.strftime("%Y-%m-%d %H:%M:%S"), text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

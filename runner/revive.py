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
from runner.steps import steps, submitted_mark

JOBMANAGER = "flink-jobmanager"
ATTEMPTS = 5
CLUSTER_SECONDS = 600


def main() -> None:
    while True:
        _, payload = childutils.listener.wait()
        if childutils.get_headers(payload).get("processname") == JOBMANAGER:
            revive()
        childutils.listener.ok()


def revive() -> None:
    """Nothing where `up` is at work, which submits by itself, or where no job has ever been submitted."""
    with starting(wait=False) as ours:
        if not ours or not submitted_mark().exists():
            return
        for attempt in range(1, ATTEMPTS + 1):
            try:
                probes.until(probes.flink(task_managers=1), "the Flink cluster", CLUSTER_SECONDS)()
                steps()["flink_jobs"].run()
            except Exception:
                tell(f"attempt {attempt} of {ATTEMPTS} failed:\n{traceback.format_exc()}")
            else:
                tell("the streaming job runs")
                return


def tell(text: str) -> None:
    print(time.strftime("%Y-%m-%d %H:%M:%S"), text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

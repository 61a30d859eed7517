"""``python -m flink_jobs.upgrade``: stop both jobs with savepoints, and start the jobs of this checkout there."""

import sys

from contracts.settings import settings
from flink_jobs import JOBS
from flink_jobs.submit import JobError, newest_state, running, stop, submit


def main() -> int:
    try:
        if missing := [job for job in JOBS if not running(job)]:
            raise JobError(f"{', '.join(missing)} does not run: `make up` first")
        stop()
        for job in JOBS:
            print(f"{job}: stopped at {newest_state(job)}", flush=True)
        submit()
    except JobError as error:
        print(f"upgrade: {error}", file=sys.stderr)
        return 1
    print(f"both jobs run; their page is {settings().url('FLINK')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

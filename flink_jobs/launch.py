"""What ``bin/flink run`` executes: ``launch.py JOB[=STATE] …`` plans the named jobs and hands each to the cluster.

One client for all of them: it starts a JVM and warms up the planner once. ``STATE`` is the address of a savepoint or checkpoint.
"""

import importlib
import sys

from contracts.settings import settings
from flink_jobs.environment import environment


def main(jobs: list[str]) -> None:
    for given in jobs:
        job, _, state = given.partition("=")
        flink = environment(settings(), job, state)
        importlib.import_module(f"flink_jobs.{job}").statements(settings(), flink).execute()
        print(f"job {job} is submitted", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Print the plan of a job without running it: ``python -m flink_jobs.explain JOB``, with the environment of ``runner.flink``."""

import importlib
import sys

from contracts.settings import settings
from flink_jobs.environment import environment

if __name__ == "__main__":
    job = sys.argv[1]
    flink = environment(settings(), job)
    print(importlib.import_module(f"flink_jobs.{job}").statements(settings(), flink).explain())

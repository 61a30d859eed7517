"""Print the plan of a job without running it: ``python -m flink_jobs.explain JOB``, with the environment of ``runner.flink``."""

import importlib
import sys

from contracts.settings import settings

if __name__ == "__main__":
    print(importlib.import_module(f"flink_jobs.{sys.argv[1]}").statements(settings()).explain())

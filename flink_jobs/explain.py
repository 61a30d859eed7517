"""Print the plan of the job without running it: ``python -m flink_jobs.explain``, with the environment of ``runner.flink``."""

from contracts.settings import settings
from flink_jobs.job import environment_for, statements

if __name__ == "__main__":
    print(statements(environment_for(settings()), settings()).explain())

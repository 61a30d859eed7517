"""Print the job's plan without running it: ``python -m flink_jobs.explain`` in Flink's environment (``runner.flink.environment``)."""

from contracts.settings import settings
from flink_jobs.job import environment_for, statements

if __name__ == "__main__":
    print(statements(environment_for(settings()), settings()).explain())

"""Print the job's operators as JSON and run nothing: ``python -m flink_jobs.explain``, with ``runner.flink.environment``."""

from contracts.settings import settings
from flink_jobs.environment import environment
from flink_jobs.job import assemble

if __name__ == "__main__":
    print(assemble(settings(), environment(settings())).get_execution_plan())

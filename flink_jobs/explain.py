"""Print the job's operators as JSON and run nothing: ``python -m flink_jobs.explain``, with ``runner.flink.environment``."""

from pyflink.datastream import StreamExecutionEnvironment

from contracts.settings import settings
from flink_jobs.environment import environment
from flink_jobs.job import statements

if __name__ == "__main__":
    flink = environment(settings())
    statements(settings(), flink).attach_as_datastream()
    print(StreamExecutionEnvironment(flink._get_j_env()).get_execution_plan())

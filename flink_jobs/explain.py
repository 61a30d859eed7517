"""Print the job's operators as JSON without running it: ``python -m flink_jobs.explain``, with the environment of ``runner.flink``."""

from pyflink.datastream import StreamExecutionEnvironment

from contracts.settings import settings
from flink_jobs.environment import environment
from flink_jobs.job import statements

if __name__ == "__main__":
    flink = environment(settings())
    statements(settings(), flink).attach_as_datastream()
    print(StreamExecutionEnvironment(flink._get_j_env()).get_execution_plan())

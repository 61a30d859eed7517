"""Memory of the whole stack while the batch side, Spark included, runs through Airflow."""

from bench.sampling import memory_gb, over_time
from runner.airflow_client import Airflow

SAMPLE_SECONDS = 2
PIPELINE_SECONDS = 1800


def memory() -> dict[str, object]:
    airflow = Airflow()
    with over_time({"memory_gb": memory_gb}, SAMPLE_SECONDS) as samples:
        airflow.wait(airflow.start("customer_pipeline"), PIPELINE_SECONDS)
    ordered = sorted(sample["memory_gb"] for sample in samples)
    return {
        "peak_gb": round(ordered[-1], 2),
        "median_gb": round(ordered[len(ordered) // 2], 2),
        "over_time": samples,
        "command": "make bench: the DAG customer_pipeline triggered, PSS of every process under the supervisor",
    }

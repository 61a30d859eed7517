"""Memory of the whole stack while the batch side, Spark included, runs through Airflow. PSS: shared pages count once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from runner.airflow_client import Airflow
from runner.control import Control
from runner.processes import pss_bytes, tree

SAMPLE_SECONDS = 2
PIPELINE_SECONDS = 1800


@contextmanager
def sampled() -> Iterator[list[float]]:
    """Gigabytes resident, a sample every SAMPLE_SECONDS while the block runs."""
    samples: list[float] = []
    done = threading.Event()

    def sample() -> None:
        control = Control()
        while not done.is_set():
            samples.append(pss_bytes(tree([each.pid for each in control.processes().values() if each.pid])) / 1e9)
            done.wait(SAMPLE_SECONDS)

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    yield samples
    done.set()
    sampler.join()


def memory() -> dict[str, object]:
    airflow = Airflow()
    with sampled() as samples:
        airflow.wait(airflow.start("customer_pipeline"), PIPELINE_SECONDS)
    ordered = sorted(samples)
    return {
        "peak_gb": round(ordered[-1], 2),
        "median_gb": round(ordered[len(ordered) // 2], 2),
        "samples": len(ordered),
        "command": "make bench: the DAG customer_pipeline triggered, PSS of every process under the supervisor",
    }

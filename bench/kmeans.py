"""scikit-learn's K-Means over a run's features, beside Spark's: ``python -m bench.kmeans --run-id R`` in the models' environment.

The same features, prepared alike, the same number of clusters from one start. Without its choice, the silhouette and the writing,
which the run's own time holds. Prints JSON.
"""

import argparse
import json
import sys
import time

from sklearn.cluster import KMeans

from contracts.settings import settings
from lakehouse import clients, runs
from lakehouse.program import exit_code
from spark_ml.in_memory import MAX_ITERATIONS
from spark_ml.report import frozen_features, prepared


def fit(run_id: str) -> dict[str, object]:
    """Seconds to read and to fit; Spark's cost as a multiple of scikit-learn's."""
    facts, catalog = runs.read(run_id, runs.SEGMENTS), clients.catalog(settings())
    began = time.monotonic()
    matrix = prepared(frozen_features(catalog, facts["snapshot_id"]), facts["features"])
    read = time.monotonic()
    found = KMeans(facts["k"], n_init=1, max_iter=MAX_ITERATIONS, random_state=1).fit(matrix)
    return {
        "k": facts["k"],
        "read_seconds": round(read - began, 1),
        "fit_seconds": round(time.monotonic() - read, 1),
        "spark_cost": round(facts["cost"] / found.inertia_, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.kmeans", description="scikit-learn's K-Means over a run's features.")
    parser.add_argument("--run-id", required=True, type=runs.run_id)
    print(json.dumps(fit(parser.parse_args().run_id)))


if __name__ == "__main__":
    sys.exit(exit_code("bench.kmeans", main))

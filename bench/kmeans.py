"""scikit-learn's K-Means over a run's features, beside Spark's: ``python -m bench.kmeans --run-id R`` in the models' environment.

The same features, prepared alike, the same numbers of clusters and starts. Without silhouettes, stability and writing, which the
run's own time holds. Prints JSON.
"""

import argparse
import json
import sys
import time

from sklearn.cluster import KMeans

from contracts.ml import K_SELECTION
from contracts.settings import settings
from lakehouse import clients, runs
from lakehouse.program import exit_code
from spark_ml.report import frozen_features, prepared, rows_of_run
from spark_ml.stability import MAX_ITERATIONS, STARTS


def fit(run_id: str) -> dict[str, object]:
    """Seconds to read and to fit; by number of clusters Spark's cost as a multiple of scikit-learn's."""
    facts, catalog = runs.read(run_id, runs.SEGMENTS), clients.catalog(settings())
    began = time.monotonic()
    matrix = prepared(frozen_features(catalog, facts["snapshot_id"]), facts["features"])
    read = time.monotonic()
    tried = rows_of_run(catalog, K_SELECTION, run_id)
    costs = {k: KMeans(k, n_init=STARTS, max_iter=MAX_ITERATIONS, random_state=1).fit(matrix).inertia_ for k in tried["k"]}
    ended = time.monotonic()
    ratios = {str(k): round(cost / costs[k], 4) for k, cost in zip(tried["k"], tried["cost"], strict=True)}
    return {"read_seconds": round(read - began, 1), "fit_seconds": round(ended - read, 1), "spark_cost": ratios}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.kmeans", description="scikit-learn's K-Means over a run's features.")
    parser.add_argument("--run-id", required=True, type=runs.run_id)
    print(json.dumps(fit(parser.parse_args().run_id)))


if __name__ == "__main__":
    sys.exit(exit_code("bench.kmeans", main))

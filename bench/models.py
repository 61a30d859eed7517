"""How long churn takes from features to written scores, step by step, and K-Means from Iceberg to written segments: on a stack of
its own, over copies of customers.

``python -m bench.models --churn 200000 --segments 200000 2000000`` prints it. The search is left out (no trials); the first run
compiles what later ones find compiled, so a small one goes before.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from contracts.lake import CHURN_FEATURES, CUSTOMER_FEATURES
from contracts.ml import ORDER_VALUE, REVENUE
from contracts.settings import ROOT, SECRETS, Settings
from contracts.steps import (
    CHURN_STEPS,
    EXPORT,
    K_MAX,
    K_MIN,
    SEGMENTS,
    ChurnParameters,
    Step,
    Value,
    frozen_churn_values,
    frozen_values,
)
from runner.tools import python

PARTS = ("postgres_schema", "clickhouse_schema", "bucket", "mlflow")
# Ports of the stack of its own, past those of the one that is measured otherwise.
OFFSET = 12_000
SHOP_CUSTOMERS, SHOP_MONTHS = 5000, 12
STEP_SECONDS = 1800
NEWEST = f"cutoff_day = (SELECT max(cutoff_day) FROM marts.{CHURN_FEATURES.name}_once)"
# No two customers spend the same to the cent.
OWN_VALUES = "".join(f", {name} * randUniform(0.8, 1.25) AS {name}" for name in (REVENUE.name, ORDER_VALUE.name))


@contextmanager
def stack() -> Iterator[dict[str, str]]:
    """The environment that leads programs to an own Postgres, ClickHouse, MinIO and MLflow."""
    with tempfile.TemporaryDirectory(prefix="bench-models-") as folder:
        secrets = {name: os.urandom(16).hex() for name in SECRETS if name != "AIRFLOW_FERNET_KEY"}
        kept = {name: value for name, value in os.environ.items() if not name.endswith(("_PORT", "_URL", "_HOST"))}
        place = {"VAR_DIR": f"{folder}/var", "ENV_FILE": f"{folder}/env", "PORT_OFFSET": str(OFFSET), "PYTHONPATH": str(ROOT)}
        environment = {**kept, **secrets, **place}
        # Postgres runs as another user, who must find the way to its data.
        Path(folder).chmod(0o755)
        try:
            run(environment, "core", "-m", "runner", "up", *PARTS)
            yield environment
        finally:
            run(environment, "core", "-m", "runner.stop", "--remove-data")


def run(environment: dict[str, str], venv: str, *arguments: str) -> float:
    """Seconds of a program; RuntimeError with its last words where it fails."""
    return output(environment, venv, *arguments)[0]


def output(environment: dict[str, str], venv: str, *arguments: str) -> tuple[float, str]:
    """As ``run``, with what the program printed."""
    began = time.monotonic()
    done = subprocess.run(
        [python(venv), *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=STEP_SECONDS
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {(done.stderr or done.stdout)[-2000:]}")
    return time.monotonic() - began, done.stdout


def client(environment: dict[str, str]) -> Client:
    s = Settings(environment)
    return clickhouse_connect.get_client(
        dsn=s.url("CLICKHOUSE"), username=s.clickhouse.user, password=s.clickhouse.password, autogenerate_session_id=False
    )


def multiply(warehouse: Client, mart: str, customers: int, newest: str = "1", more: str = "") -> None:
    """So many customers among the rows of the mart that are ``newest``, as copies under other names, and in proportion others.

    ``more``: further columns that the copies have of their own.
    """
    once = f"marts.{mart}_once"
    warehouse.command(f"CREATE TABLE IF NOT EXISTS {once} ENGINE = MergeTree ORDER BY tuple() AS SELECT * FROM marts.{mart}")
    known = warehouse.query(f"SELECT count() FROM {once} WHERE {newest}").result_rows[0][0]
    copies = -(-customers // known)
    warehouse.command(f"TRUNCATE TABLE marts.{mart}")
    warehouse.command(
        f"INSERT INTO marts.{mart} SELECT * EXCEPT (copy)"
        f" REPLACE (concat(customer_id, '-', toString(copy)) AS customer_id{more})"
        f" FROM {once} CROSS JOIN (SELECT number AS copy FROM numbers({copies})) AS copies"
    )


def seconds_of(environment: dict[str, str], step: Step, values: dict[Value, str]) -> float:
    return round(run(environment, step.venv, *step.argv(ROOT, values)[1:]), 1)


def churn(environment: dict[str, str], label: str, day: date) -> dict[str, float]:
    """Seconds of each step of a run without search, from features in the mart to scores in ClickHouse."""
    values = frozen_churn_values(label, day, None, ChurnParameters(trials=0, accept_drift=True))
    return {step.name: seconds_of(environment, step, values) for step in CHURN_STEPS}


def segments(environment: dict[str, str], label: str, day: date) -> dict[str, object]:
    """Seconds of K-Means from Iceberg to written segments, session start included, and scikit-learn's on the same features."""
    values = frozen_values(label, day, None, K_MIN, K_MAX)
    export = seconds_of(environment, EXPORT, values)
    seconds = seconds_of(environment, SEGMENTS, values)
    _, printed = output(environment, "models", "-m", "bench.kmeans", "--run-id", values[Value.RUN_ID])
    return {"seconds": seconds, "export_seconds": export, "scikit_learn": json.loads(printed)}


def measured(environment: dict[str, str], day: date, churn_sizes: list[int], segment_sizes: list[int]) -> dict[str, object]:
    warehouse = client(environment)
    runs: list[dict[str, object]] = []
    for number, size in enumerate(churn_sizes):
        if not number:
            churn(environment, "warm", day)
        multiply(warehouse, CHURN_FEATURES.name, size, NEWEST)
        steps = churn(environment, f"churn-{size}", day)
        runs.append({"customers": size, "seconds": round(sum(steps.values()), 1), "steps": steps})
    cuts: list[dict[str, object]] = []
    for size in segment_sizes:
        multiply(warehouse, CUSTOMER_FEATURES.name, size, more=OWN_VALUES)
        cuts.append({"customers": size} | segments(environment, f"segments-{size}", day))
    return {
        "churn": {"runs": runs, "command": "make bench: the steps of the DAG churn_model, no search, 7 cutoffs"},
        "segments": {"cuts": cuts, "command": f"make bench: spark_ml.segments, k from {K_MIN} to {K_MAX}"},
    }


def models(churn_sizes: list[int], segment_sizes: list[int], shop: int = SHOP_CUSTOMERS) -> dict[str, object]:
    """By model a list of runs, by number of customers; ``shop``: simulated customers, who are copied."""
    day = datetime.now(UTC).date()
    with stack() as environment:
        run(environment, "core", "-m", "bench.world", "--customers", str(shop), "--months", str(SHOP_MONTHS))
        run(environment, "dbt", "dbt/build.py", "--as-of", day.isoformat())
        return measured(environment, day, churn_sizes, segment_sizes)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.models", description="How long the models take, by number of customers.")
    parser.add_argument("--churn", type=int, nargs="*", default=[])
    parser.add_argument("--segments", type=int, nargs="*", default=[])
    parser.add_argument("--shop", type=int, default=SHOP_CUSTOMERS, help="simulated customers, who are copied")
    given = parser.parse_args()
    print(json.dumps(models(given.churn, given.segments, given.shop), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())

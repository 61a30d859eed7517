"""How long the churn model takes from features to written scores, step by step: on a stack of its own, over copies of customers.

``python -m bench.models 200000`` prints it. The search is left out (no trials); the first run compiles what later ones find
compiled, so a small one goes before.
"""

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

from contracts.settings import ROOT, SECRETS, Settings
from contracts.steps import CHURN_STEPS, ChurnParameters, frozen_churn_values
from runner.tools import python

PARTS = ("postgres_schema", "clickhouse_schema", "bucket", "mlflow")
# Ports of the stack of its own, past those of the one that is measured otherwise.
OFFSET = 12_000
SHOP_CUSTOMERS, SHOP_MONTHS = 5000, 12
STEP_SECONDS = 1800


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
    began = time.monotonic()
    done = subprocess.run(
        [python(venv), *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=STEP_SECONDS
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {(done.stderr or done.stdout)[-2000:]}")
    return time.monotonic() - began


def client(environment: dict[str, str]) -> Client:
    s = Settings(environment)
    return clickhouse_connect.get_client(
        dsn=s.url("CLICKHOUSE"), username=s.clickhouse.user, password=s.clickhouse.password, autogenerate_session_id=False
    )


def multiply(warehouse: Client, customers: int) -> None:
    """So many customers at the newest cutoff, as copies under other names, and in proportion at the older ones."""
    once = "CREATE TABLE IF NOT EXISTS marts.churn_once ENGINE = MergeTree ORDER BY tuple()"
    warehouse.command(f"{once} AS SELECT * FROM marts.churn_features")
    newest = "cutoff_day = (SELECT max(cutoff_day) FROM marts.churn_once)"
    known = warehouse.query(f"SELECT count() FROM marts.churn_once WHERE {newest}").result_rows[0][0]
    copies = -(-customers // known)
    warehouse.command("TRUNCATE TABLE marts.churn_features")
    warehouse.command(
        "INSERT INTO marts.churn_features SELECT * EXCEPT (copy)"
        " REPLACE (concat(customer_id, '-', toString(copy)) AS customer_id)"
        f" FROM marts.churn_once CROSS JOIN (SELECT number AS copy FROM numbers({copies}))"
    )


def steps(environment: dict[str, str], label: str, day: date) -> dict[str, float]:
    """Seconds of each step of a run without search."""
    values = frozen_churn_values(label, day, None, ChurnParameters(trials=0, accept_drift=True))
    return {step.name: round(run(environment, step.venv, *step.argv(ROOT, values)[1:]), 1) for step in CHURN_STEPS}


def churn(sizes: list[int]) -> dict[str, object]:
    """Seconds from features in the mart to scores in ClickHouse, by number of customers."""
    day = datetime.now(UTC).date()
    with stack() as environment:
        run(environment, "core", "-m", "bench.world", "--customers", str(SHOP_CUSTOMERS), "--months", str(SHOP_MONTHS))
        run(environment, "dbt", "dbt/build.py", "--as-of", day.isoformat())
        steps(environment, "warm", day)
        warehouse, found = client(environment), []
        for size in sizes:
            multiply(warehouse, size)
            seconds = steps(environment, f"bench-{size}", day)
            found.append({"customers": size, "seconds": round(sum(seconds.values()), 1), "steps": seconds})
    return {"runs": found, "command": "make bench: the steps of the DAG churn_model, no search, 7 cutoffs"}


if __name__ == "__main__":
    print(json.dumps(churn([int(size) for size in sys.argv[1:]]), indent=2))

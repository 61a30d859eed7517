"""Postgres, MinIO and ClickHouse of the tests' own, and marts made by hand in it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from warehouse_stack import own_environment, python

from contracts.settings import ROOT, Settings
from lakehouse import clients
from tests.leftovers import stopped
from tests.ports import free_offset

PARTS = ("postgres_schema", "clickhouse_schema", "bucket")
START_SECONDS = 400

# Every type that a mart may have, with nulls and the ends of ranges; one row for each customer.
MARTS = {
    "dim_customers": """
        SELECT concat('c', leftPad(toString(number), 4, '0')) AS customer_id, CAST(number % 2 = 0, 'Bool') AS is_registered,
            if(number % 3 = 0, NULL, toDateTime64('1999-12-31 23:59:59.123', 3, 'UTC')) AS registered_at,
            CAST(if(number % 4 = 0, NULL, 'München'), 'LowCardinality(Nullable(String))') AS city,
            toDecimal64(number / 8, 4) AS net_revenue, toDate32('1925-01-01') + number AS born, number AS purchases
        FROM numbers(240)""",
    "fct_purchases": """
        SELECT concat('p', toString(number)) AS purchase_id, toDecimal64(number, 4) / 10000 AS amount FROM numbers(250000)""",
    "fct_sessions": "SELECT toString(number) AS session_key, toUInt32(number) AS events FROM numbers(0)",
    "clv_summary": """
        SELECT concat('c', leftPad(toString(number), 4, '0')) AS customer_id, toInt64(number) AS frequency FROM numbers(240)""",
    # Three groups: often and lately, once and long ago, at a discount.
    "customer_features": """
        WITH number % 3 AS g, (cityHash64(number) % 100) / 100 AS u, (cityHash64(number + 1000) % 100) / 100 AS v
        SELECT concat('c', leftPad(toString(number), 4, '0')) AS customer_id,
            toInt64([5, 200, 40][g + 1] * (1 + u / 4)) AS recency_days, toInt64([20, 1, 6][g + 1] + v * 2) AS orders,
            [1000., 40., 150.][g + 1] * (1 + u / 5) AS net_revenue, [50., 40., 25.][g + 1] * (1 + v / 5) AS average_order_value,
            toInt64([12, 0, 4][g + 1] + u * 2) AS sessions_90d, [0.2, 0.9, 0.5][g + 1] + v / 20 AS cart_abandon_rate,
            toInt64([6, 1, 3][g + 1]) AS categories, [0.02, 0.05, 0.4][g + 1] + u / 50 AS discount_share,
            if(number = 7, NULL, 0.05 + v / 50) AS return_rate
        FROM numbers(240)""",
}  # fmt: skip
KEYS = {
    "dim_customers": "customer_id", "fct_purchases": "purchase_id", "fct_sessions": "session_key",
    "clv_summary": "customer_id", "customer_features": "customer_id",
}  # fmt: skip


@dataclass(frozen=True)
class Lake:
    """A running stack, and what leads programs to it."""

    environment: dict[str, str]
    var: Path

    @property
    def settings(self) -> Settings:
        return Settings(self.environment)

    def warehouse(self) -> Client:
        return clients.warehouse(self.settings)

    def runner(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=START_SECONDS)

    def run(self, module: str, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """A program of the batch side, in its own environment."""
        command = [python("spark"), "-m", module, *arguments]
        return subprocess.run(
            command, cwd=ROOT, env={**self.environment, **changes}, capture_output=True, text=True, timeout=START_SECONDS
        )

    def manifest(self, run_id: str, step: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.var / "runs" / run_id / f"{step}.json").read_text())
        return content


@contextmanager
def running_lake(var: Path, *parts: str) -> Iterator[Lake]:
    """A stack of these parts, which ends without a trace."""
    inherited = {name: value for name, value in own_environment(var).items() if not name.endswith(("_PORT", "_URL"))}
    lake = Lake({**inherited, "PORT_OFFSET": str(free_offset()), "ENV_FILE": str(var.parent / ".env")}, var)
    try:
        up = lake.runner("runner", "up", *parts)
        assert up.returncode == 0, up.stdout + up.stderr
        yield lake
    finally:
        stopped(var, lambda: lake.runner("runner.stop", "--remove-data"))


def make_mart(client: Client, name: str, select: str) -> None:
    client.command(f"CREATE OR REPLACE TABLE marts.{name} ENGINE = MergeTree ORDER BY {KEYS[name]} AS {select}")


def make_marts(client: Client) -> None:
    for name, select in MARTS.items():
        make_mart(client, name, select)

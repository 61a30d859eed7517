"""A ClickHouse of the tests' own: how it is started, reached and filled."""

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from contracts import render_clickhouse
from contracts.ml import ML_TABLES
from contracts.ops import OPS_TABLES
from contracts.settings import PORTS, ROOT, SECRETS, settings
from tests.ports import free_offset

START_SECONDS = 180
STOP_SECONDS = 60


def python(name: str) -> str:
    """The interpreter of one of the project's environments."""
    path = settings().tools / "venvs" / name / "bin" / "python"
    assert path.exists(), f"{path} is missing: run `make setup`"
    return str(path)


@dataclass(frozen=True)
class Warehouse:
    """A running ClickHouse with the raw tables of the contracts, and the environment that leads programs to it."""

    environment: dict[str, str]
    var: Path

    def client(self, user: str = "pipeline") -> Client:
        return clickhouse_connect.get_client(
            host="127.0.0.1",
            port=int(self.environment["CLICKHOUSE_PORT"]),
            username=user,
            password=self.environment["CLICKHOUSE_BI_PASSWORD" if user == "bi" else "CLICKHOUSE_PASSWORD"],
        )

    def run(self, command: Sequence[str], **changes: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, **changes}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1200)


def own_environment(var: Path) -> dict[str, str]:
    """Settings of a stack of its own, with secrets that nothing else knows."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CLICKHOUSE_", "PORT_OFFSET"))}
    secrets = {name: os.urandom(16).hex() for name in SECRETS}
    port = PORTS["CLICKHOUSE"] + free_offset()
    own = {"VAR_DIR": str(var), "ENV_FILE": str(var / "env"), "CLICKHOUSE_PORT": str(port), "PYTHONPATH": str(ROOT)}
    return {**inherited, **secrets, **own}


def await_ready(process: subprocess.Popen[bytes], warehouse: Warehouse, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert process.poll() is None, f"ClickHouse ended: {log.read_text()[-2000:]}"
        try:
            warehouse.client().close()
            return
        except Exception as error:
            assert time.monotonic() < deadline, f"ClickHouse did not answer within {START_SECONDS} s: {error}"
            time.sleep(0.2)


def create_raw_tables(client: Client) -> None:
    tables = [render_clickhouse.table(table) for table in (*ML_TABLES, *OPS_TABLES)]
    for statement in (render_clickhouse.databases() + render_clickhouse.raw_tables() + "".join(tables)).split(";\n"):
        if statement.strip():
            client.command(statement)

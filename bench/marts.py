"""How long the warehouse's builds take, model by model, and how that grows: on an engine of its own, over a made-up history.

A full build, and the one after a small batch, which keeps the rows of customers who have not changed.

``python -m bench.marts 1000000 5000000`` prints it; ``make bench`` keeps it.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from contracts.settings import ROOT, SECRETS
from runner import probes
from runner.tools import python

HISTORY = Path(__file__).with_name("history.sql")
BATCH = Path(__file__).with_name("batch.sql")
EVENTS_PER_SESSION = 8
EVENTS_PER_CUSTOMER = 250
START_SECONDS = 60
BUILD_SECONDS = 3600


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def engine() -> Iterator[tuple[Client, dict[str, str]]]:
    """An empty ClickHouse with the project's tables, and the environment that leads programs to it."""
    folder = Path(tempfile.mkdtemp(prefix="bench-marts-"))
    secrets = {name: os.urandom(16).hex() for name in SECRETS}
    own = {"VAR_DIR": str(folder), "ENV_FILE": str(folder / "env"), "CLICKHOUSE_PORT": str(free_port()), "PYTHONPATH": str(ROOT)}
    environment = {**os.environ, **secrets, **own}
    process = subprocess.Popen([python("clickhouse"), "-m", "clickhouse_http"], cwd=ROOT, env=environment)
    try:
        client = connect(environment)
        for file in sorted((ROOT / "sql" / "clickhouse").glob("*.sql")):
            for statement in filter(str.strip, file.read_text().split(";\n")):
                client.command(statement)
        yield client, environment
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def connect(environment: dict[str, str]) -> Client:
    address = f"http://127.0.0.1:{environment['CLICKHOUSE_PORT']}/ping"
    probes.until(probes.http_ok(address), "the engine for the marts", START_SECONDS)()
    return clickhouse_connect.get_client(
        host="127.0.0.1", port=int(environment["CLICKHOUSE_PORT"]), username="pipeline",
        password=environment["CLICKHOUSE_PASSWORD"],
    )  # fmt: skip


def fill(client: Client, file: Path, events: int) -> None:
    sizes = {"sessions": events // EVENTS_PER_SESSION, "customers": max(events // EVENTS_PER_CUSTOMER, 1)}
    for statement in filter(str.strip, file.read_text().split(";\n")):
        # The client takes a % for a place of its own as soon as it is given parameters.
        named = {name: size for name, size in sizes.items() if f"{{{name}:" in statement}
        client.command(statement, parameters=named or None)


def build(environment: dict[str, str]) -> tuple[float, dict[str, float]]:
    """Seconds of one build, as a user waits for it, and of each of its models, the slowest first."""
    command = [python("dbt"), str(ROOT / "dbt" / "build.py")]
    began = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=BUILD_SECONDS)
    seconds = time.monotonic() - began
    if done.returncode:
        raise RuntimeError(f"dbt/build.py failed: {done.stdout[-2000:]}")
    nodes = json.loads((Path(environment["VAR_DIR"]) / "dbt" / "summary.json").read_text())["nodes"]
    models = {node["name"]: node["seconds"] for node in nodes if node["kind"] == "model"}
    return round(seconds, 1), dict(sorted(models.items(), key=lambda item: -item[1]))


def builds(events: int) -> dict[str, object]:
    with engine() as (client, environment):
        fill(client, HISTORY, events)
        seconds, models = build(environment)
        fill(client, BATCH, events)
        incremental_seconds, incremental_models = build(environment)
    return {
        "events": events, "seconds": seconds, "incremental_seconds": incremental_seconds,
        "models": models, "incremental_models": incremental_models,
    }  # fmt: skip


def marts(sizes: list[int]) -> dict[str, object]:
    command = "make bench: dbt/build.py with all tests, in full and after one in a hundred events more"
    return {"builds": [builds(events) for events in sizes], "command": command}


if __name__ == "__main__":
    print(json.dumps(marts([int(size) for size in sys.argv[1:]]), indent=2))

"""Engines that tests of one hop share: each in a place and on a port of its own."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from warehouse_stack import STOP_SECONDS, Warehouse, await_ready, create_raw_tables, own_environment, python

from contracts.settings import ROOT


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with running_warehouse(tmp_path_factory.mktemp("warehouse")) as running:
        yield running


@pytest.fixture(scope="module")
def another_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with running_warehouse(tmp_path_factory.mktemp("another")) as running:
        yield running


@contextmanager
def running_warehouse(var: Path) -> Iterator[Warehouse]:
    log = var / "clickhouse.log"
    running = Warehouse(own_environment(var), var)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [python("clickhouse"), "-m", "clickhouse_http"],
            cwd=ROOT,
            env=running.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        await_ready(process, running, log)
        client = running.client()
        create_raw_tables(client)
        client.close()
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)

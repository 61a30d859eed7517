"""Engines that tests of one hop share: each in a place and on a port of its own."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from warehouse_stack import STOP_SECONDS, Warehouse, await_ready, create_raw_tables, own_environment, python

from contracts import settings as contract_settings
from contracts.settings import ROOT
from runner import flink


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


@pytest.fixture(scope="module")
def flink_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a Python that runs Flink by itself, with the project's libraries and no cluster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAR_DIR", str(tmp_path_factory.mktemp("flink")))
        patch.setenv("FLINK_PASSWORD", "of-no-server")
        contract_settings.settings.cache_clear()
        flink.prepare()
        home = flink.home()
        yield flink.environment() | {"FLINK_OPT_DIR": str(home / "opt"), "FLINK_PLUGINS_DIR": str(home / "plugins")}
    contract_settings.settings.cache_clear()

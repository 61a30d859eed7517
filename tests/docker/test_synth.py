"""`make docker-synth`, run: a table in, new customers over REST to who has the token."""

import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import requests

from contracts.settings import ROOT
from tests.docker.conftest import Stack, until

LEARN_SECONDS = 300


def table(folder: Path) -> Path:
    """Who orders more spends more."""
    rng = np.random.default_rng(3)
    orders = rng.poisson(6, 500)
    columns = {"customer_id": [f"c{number}" for number in range(500)], "orders": orders, "spent": orders * rng.gamma(20, 2, 500)}
    path = folder / "customers.parquet"
    pq.write_table(pa.table(columns), path)
    # The container's user is nobody's here.
    folder.chmod(0o755)
    path.chmod(0o644)
    return path


def answers(address: str) -> bool:
    try:
        requests.get(address, timeout=5)
    except requests.ConnectionError:
        return False
    return True


def test_new_customers_come_from_a_container(built: Stack, tmp_path: Path):
    address = f"http://127.0.0.1:{built.settings().synth_port}"
    command = ["make", "--no-print-directory", "docker-synth", f"FROM={table(tmp_path)}"]
    serving = subprocess.Popen(
        command,
        cwd=ROOT,
        env=built.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        told = iter(serving.stdout.readline, "")
        token_command = next(line.removeprefix("their token: ") for line in told if line.startswith("their token: "))
        until(lambda: answers(address), "answer of the synthesiser", LEARN_SECONDS)
        assert requests.get(f"{address}/customers", timeout=60).status_code == 401
        token = built.run("sh", "-c", token_command).stdout.strip()
        answer = requests.get(f"{address}/customers?count=7", headers={"Authorization": f"Bearer {token}"}, timeout=60)
        assert answer.status_code == 200
        assert [set(each) for each in answer.json()["customers"]] == [{"customer_id", "orders", "spent"}] * 7
        assert [mounted["Destination"] for mounted in built.containers()["synth"]["Mounts"] if not mounted["RW"]] == [
            "/data/customers.parquet"
        ]
    finally:
        if serving.poll() is None:
            os.killpg(serving.pid, signal.SIGINT)
            serving.wait(60)
        built.make("docker-clean", seconds=300)
    assert built.mine("container", "--all") == [] == built.mine("volume")

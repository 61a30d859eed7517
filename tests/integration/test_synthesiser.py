"""The synthesiser in its own environment: a real table in, close and new customers out."""

import json
import os
import subprocess

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.settings import ROOT, settings

LEARN = """
import sys, pyarrow.parquet as pq
from synth.model import fit
from synth.table import read
from pathlib import Path
made = fit(read(Path(sys.argv[1])).modelled)
for number, seed in enumerate((1, 1, 2)):
    pq.write_table(made.sample(3000, seed), sys.argv[2] + f"/{number}.parquet")
"""


def program(*arguments, **environment):
    python = settings().tools / "venvs" / "synth" / "bin" / "python"
    return subprocess.run(
        [python, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Spend depends on the segment and on orders; visits fall with days since the last one."""
    rng = np.random.default_rng(11)
    n = 3_000
    segment = rng.choice(["loyal", "new", "lost"], n, p=[0.3, 0.5, 0.2])
    orders = rng.poisson(np.where(segment == "loyal", 12, 2))
    days = rng.exponential(np.where(segment == "lost", 200, 20))
    path = tmp_path_factory.mktemp("synth") / "customers.parquet"
    columns = {
        "customer_id": [f"c{i}" for i in range(n)],
        "segment": segment,
        "orders": orders,
        "spent": orders * rng.gamma(20, 2, n),
        "days_since": days,
        "visits": rng.poisson(30 * np.exp(-days / 50)),
        "rating": pa.array(rng.normal(size=n), mask=rng.random(n) < 0.4),
    }
    pq.write_table(pa.table(columns), path)
    return path


def test_margins_and_correlations_are_close_and_no_real_customer_comes_back(table, tmp_path):
    done = program("-m", "synth", table, "--only-report", VAR_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "synth" / "report.json").read_text())
    assert told["left_out"] == ["customer_id"]
    assert told["largest_margin"] < 0.05
    assert told["largest_correlation_gap"] < 0.12
    assert max(abs(pair["real"]) for pair in told["correlations"]) > 0.7
    assert told["nearest"]["synthetic_equal_to_real"] <= told["nearest"]["real_equal_to_real"] + 0.01
    assert (tmp_path / "synth" / "token").stat().st_mode & 0o077 == 0


def test_the_same_seed_gives_the_same_customers(table, tmp_path):
    done = program("-c", LEARN, table, tmp_path)
    assert done.returncode == 0, done.stderr
    one, same, other = (pq.read_table(tmp_path / f"{number}.parquet") for number in range(3))
    assert one == same != other
    assert one.schema == pq.read_table(table).drop_columns("customer_id").schema


def test_a_placeholder_for_a_token_does_not_start(table, tmp_path):
    for text in ("changeme", ""):
        done = program("-m", "synth", table, VAR_DIR=str(tmp_path), SYNTH_TOKEN=text)
        assert done.returncode == 1 and "SYNTH_TOKEN" in done.stderr

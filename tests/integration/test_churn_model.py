"""The churn model with real Postgres, MinIO, ClickHouse and MLflow: twice, against a champion, and with bad input."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pandas as pd
import pytest
import requests
from lake_stack import PARTS, Lake, running_lake
from warehouse_stack import python

from contracts.churn import LABEL
from contracts.ml import CHURN_EVALUATION, CHURN_SCORES
from contracts.settings import ROOT
from contracts.steps import CHURN_STEPS, ChurnParameters, Value, frozen_churn_values

sys.path.insert(0, str(ROOT / "tests" / "models"))
from made_up import AS_OF, features, fill

CUSTOMERS = 400
GIVEN = ChurnParameters(trials=1, margin=0.02)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("churn") / "var", *PARTS, "mlflow") as running:
        yield running


def values(label: str, given: ChurnParameters = GIVEN) -> dict[Value, str]:
    return frozen_churn_values(label, AS_OF, None, given)


def run(lake: Lake, label: str, given: ChurnParameters = GIVEN) -> subprocess.CompletedProcess[str]:
    """The steps in order up to the first that fails; the last one that ran."""
    known = values(label, given)
    for step in CHURN_STEPS:
        command = [python(step.venv), *step.argv(ROOT / ".tools", known)[1:]]
        done = subprocess.run(command, cwd=ROOT, env=lake.environment, capture_output=True, text=True, timeout=600)
        if done.returncode:
            break
    return done


def scores(lake: Lake, label: str) -> pd.DataFrame:
    return lake.warehouse().query_df(
        f"SELECT * FROM {CHURN_SCORES.qualified} FINAL WHERE run_id = '{values(label)[Value.RUN_ID]}' ORDER BY customer_id"
    )


TESTED = """
from datetime import date
from sklearn.metrics import roc_auc_score
from judge.recovered import tested
run, model, cutoff = sys.argv[1:]
found = tested(run, model, date.fromisoformat(cutoff))
print(roc_auc_score(found["label"], found["score"]))
"""
ORDERS = """
import pandas as pd
from judge.recovered import newest_purchase, orders, warehouse
client = warehouse()
print(newest_purchase(client))
print(orders(client, pd.Timestamp(sys.argv[1])).to_csv(index=False))
"""


def judge(lake: Lake, script: str, *arguments: str) -> str:
    """What a few lines print that ask the judge, in its environment."""
    command = [python("models"), "-W", "ignore", "-c", f"import sys\n{script}", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=lake.environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def champion(lake: Lake) -> int:
    address = f"{lake.settings.url('MLFLOW')}/api/2.0/mlflow/registered-models/alias"
    answer = requests.get(address, params={"name": "churn", "alias": "champion"}, timeout=10)
    return int(answer.json()["model_version"]["version"])


@pytest.mark.timeout(2400)
def test_from_features_to_scores_and_back_to_the_champion_before(lake: Lake):
    fill(lake.warehouse(), features(CUSTOMERS))
    first = run(lake, "first")
    assert first.returncode == 0, first.stderr[-3000:]
    written = scores(lake, "first")
    assert len(written) == CUSTOMERS
    assert written["churn_score"].between(0, 1).all()
    assert set(written["model_version"]) == {1} == {champion(lake)}
    evaluated = lake.manifest(values("first")[Value.RUN_ID], "churn_evaluate")
    assert evaluated["models"][evaluated["chosen"]]["roc_auc"] > 0.85
    client = lake.warehouse()
    models = client.query(f"SELECT model, chosen FROM {CHURN_EVALUATION.qualified} FINAL").result_rows
    assert dict(models) == {name: int(name == evaluated["chosen"]) for name in evaluated["models"]}
    assert {"recency", "bg_nbd", "lightgbm", "random_forest", "logistic_regression"} == set(dict(models))

    again = run(lake, "first")
    assert again.returncode == 0, again.stderr[-3000:]
    pd.testing.assert_frame_equal(
        scores(lake, "first").drop(columns=["computed_at", "_ingested_at"]), written.drop(columns=["computed_at", "_ingested_at"])
    )
    assert champion(lake) == 1

    executed = subprocess.run(
        [python("models"), "-m", "spark_ml.notebook"], cwd=ROOT, env=lake.environment, capture_output=True, text=True, timeout=600
    )
    assert executed.returncode == 0, executed.stderr[-3000:]
    cells = json.loads((lake.var / "reports" / "customers.ipynb").read_text())["cells"]
    assert sum(bool(cell.get("outputs")) for cell in cells) >= 6
    assert all(not cell.get("outputs") for cell in json.loads((ROOT / "notebooks" / "customers.ipynb").read_text())["cells"])

    # Other customers of the same kind: hardly better, so only the challenger; its run scores with the champion.
    fill(lake.warehouse(), features(CUSTOMERS, seed=1))
    # The judge goes by what the first run froze, whatever has been built since.
    judged = judge(lake, TESTED, values("first")[Value.RUN_ID], evaluated["chosen"], evaluated["test_cutoff"])
    assert float(judged) == pytest.approx(evaluated["models"][evaluated["chosen"]]["roc_auc"])
    second = run(lake, "second")
    assert second.returncode == 0, second.stderr[-3000:]
    facts = lake.manifest(values("second")[Value.RUN_ID], "churn_register")
    assert (facts["version"], facts["promoted"], facts["champion_before"]) == (2, False, 1)
    assert set(scores(lake, "second")["model_version"]) == {1}

    forced = ["-m", "spark_ml.registry.rollback", "--model", "churn", "--version"]
    for version, expected in (("2", 0), ("7", 1)):
        done = subprocess.run(
            [python("models"), *forced, version], cwd=ROOT, env=lake.environment, capture_output=True, text=True
        )
        assert done.returncode == expected, done.stderr
    assert done.stderr.strip().endswith("spark_ml.registry.rollback: churn has no version 7; there are 1, 2")
    assert champion(lake) == 2


def test_the_judge_leaves_out_what_came_after_the_history(lake: Lake):
    """An order of two lines, one on the last millisecond, and one after it."""
    lake.warehouse().command("""
        CREATE OR REPLACE TABLE marts.fct_purchases ENGINE = Memory AS
        SELECT 'c1' AS customer_id, 's' || order AS session_id, toDecimal64(10 * order, 4) AS amount,
            toDateTime64('2026-07-01 00:00:00.500', 3, 'UTC') + toIntervalMillisecond(shift) AS purchased_at
        FROM values('order UInt8, shift Int64', (1, -2000), (1, -1000), (2, 0), (3, 1))""")
    newest, found = judge(lake, ORDERS, "2026-07-01 00:00:00.500+00:00").split("\n", 1)
    assert newest == "2026-07-01 00:00:00.501000+00:00"
    assert found.splitlines()[1] == "c1,2,2026-07-01 00:00:00.500+00:00,20.0"


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("missing", lambda f: f.drop(columns="orders"), "orders: expected that it is there, found missing"),
        ("nobody", lambda f: f.assign(label=f[LABEL] * 0), "no customer has churned (no positive label"),
    ],
)
def test_bad_input_stops_the_run_and_leaves_everything_as_it_was(lake: Lake, name: str, change, said: str):
    before = champion(lake)
    fill(lake.warehouse(), change(features(CUSTOMERS)))
    done = run(lake, name)
    assert done.returncode == 1
    assert done.stderr.startswith("spark_ml.churn.gate: ")
    assert said in done.stderr
    assert champion(lake) == before
    assert scores(lake, name).empty
    assert not (lake.var / "runs" / values(name)[Value.RUN_ID] / "churn_train.json").exists()

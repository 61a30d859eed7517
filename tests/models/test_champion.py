"""Who is the champion, with MLflow's own store in a file: promotion, its margin, and the way back."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from lakehouse.errors import LakeError
from spark_ml.registry.champion import better, champion, of_run, promote, roll_back, with_alias

MODEL = "churn"


@pytest.fixture
def client(tmp_path: Path) -> MlflowClient:
    address = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(address, address)
    client.create_registered_model(MODEL)
    return client


def version(client: MlflowClient, run_id: str) -> str:
    return client.create_model_version(MODEL, source=f"file:///tmp/{run_id}", tags={"run_id": run_id}).version


@pytest.mark.parametrize(
    ("challenger", "champion", "margin", "wins"),
    [(0.6, None, 0.01, True), (0.80, 0.79, 0.005, True), (0.80, 0.80, 0.0, False), (0.804, 0.80, 0.005, False)],
)
def test_a_challenger_needs_the_margin(challenger: float, champion: float | None, margin: float, wins: bool):
    assert better(challenger, champion, margin) is wins


def test_a_champion_is_followed_and_comes_back(client: MlflowClient):
    first, second, third = (version(client, run) for run in ("r1", "r2", "r3"))
    for each in (first, second, third, third):
        promote(client, MODEL, each)
    assert champion(client, MODEL).version == third
    assert roll_back(client, MODEL) == (str(third), str(second))
    assert champion(client, MODEL).version == second
    assert roll_back(client, MODEL) == (str(second), str(first))
    with pytest.raises(LakeError, match="version 1 followed nobody"):
        roll_back(client, MODEL)
    assert roll_back(client, MODEL, str(third)) == (str(first), str(third))
    with pytest.raises(LakeError, match="churn has no version 9; there are 1, 2, 3"):
        roll_back(client, MODEL, "9")
    assert champion(client, MODEL).version == third


def test_a_run_finds_its_version(client: MlflowClient):
    made = version(client, "r1")
    assert of_run(client, MODEL, "r1").version == made
    assert of_run(client, MODEL, "r2") is None


def test_nobody_is_the_champion_yet(client: MlflowClient):
    assert with_alias(client, MODEL, "champion") is None
    with pytest.raises(LakeError, match="the registry has no champion of churn"):
        champion(client, MODEL)
    with pytest.raises(LakeError, match="no champion of nothing"):
        champion(client, "nothing")

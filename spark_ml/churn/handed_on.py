"""What the steps of churn hand on to each other: facts under these names (``lakehouse.runs``), and fitted models beside them.

Apart from the steps themselves, so that one does not load the libraries of another.
"""

from pathlib import Path
from typing import Any

import cloudpickle

from contracts.settings import settings
from lakehouse.errors import LakeError

GATE, TRAIN, EVALUATE, REGISTER, SCORE = (f"churn_{step}" for step in ("gate", "train", "evaluate", "register", "score"))


def path(run_id: str, name: str) -> Path:
    return settings().var / "runs" / run_id / "churn" / f"{name}.pkl"


def save(run_id: str, name: str, model: Any) -> None:
    target = path(run_id, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(".part")
    draft.write_bytes(cloudpickle.dumps(model))
    draft.replace(target)


def load(run_id: str, name: str) -> Any:
    if not path(run_id, name).exists():
        raise LakeError(f"run {run_id} has no model {name}: run spark_ml.churn.train first")
    return cloudpickle.loads(path(run_id, name).read_bytes())

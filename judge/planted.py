"""What the simulator planted, as it left it in VAR_DIR/truth."""

import json
from dataclasses import dataclass

import pandas as pd

from contracts.settings import settings
from generators.clock import moment


@dataclass(frozen=True)
class Planted:
    """``customers``: one row each, as ``generators.truth.customers``; ``start``: of the simulated window."""

    customers: pd.DataFrame
    start: pd.Timestamp


def planted() -> Planted | None:
    """None where nothing was simulated: replayed files plant nothing."""
    plan, customers = settings().truth / "world.json", settings().truth / "customers.parquet"
    if not plan.exists() or not customers.exists():
        return None
    return Planted(pd.read_parquet(customers), pd.Timestamp(moment(json.loads(plan.read_text())["start"])))

"""What the simulator planted, as it left it in VAR_DIR/truth."""

import json
from dataclasses import dataclass

import pandas as pd

from contracts.settings import settings
from generators.clock import moment


@dataclass(frozen=True)
class Planted:
    """``customers`` and ``experiments`` as ``generators.truth`` has them; ``start``: of the simulated window."""

    customers: pd.DataFrame
    experiments: pd.DataFrame
    start: pd.Timestamp


def planted() -> Planted | None:
    """None where nothing was simulated: replayed files plant nothing."""
    plan, tables = (
        settings().truth / "world.json",
        [settings().truth / f"{name}.parquet" for name in ("customers", "experiments")],
    )
    if not all(path.exists() for path in (plan, *tables)):
        return None
    return Planted(*map(pd.read_parquet, tables), pd.Timestamp(moment(json.loads(plan.read_text())["start"])))

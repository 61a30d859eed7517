"""What the simulator planted, as it left it in VAR_DIR/truth."""

import json
from dataclasses import dataclass

import pandas as pd

from contracts.settings import settings
from generators.clock import moment
from generators.ledger import worlds


class MixedError(Exception):
    """Several shops were simulated: their customers share ids, and what is planted describes the last alone."""


@dataclass(frozen=True)
class Planted:
    """``customers`` and ``experiments`` as ``generators.truth`` has them; ``start``: of the simulated window; ``until``: the last
    moment of the history that was sent. A live stream after it comes at a rate of its own, and shows nothing that was planted."""

    customers: pd.DataFrame
    experiments: pd.DataFrame
    start: pd.Timestamp
    until: pd.Timestamp

    @property
    def unfinished(self) -> set[str]:
        """Experiments that went on when the history ended."""
        ends = self.experiments["ended_at"]
        return set(self.experiments.loc[ends.isna() | (ends > self.until), "experiment"])


def planted() -> Planted | None:
    """None where nothing was simulated: replayed files plant nothing. MixedError where several shops were."""
    plan, tables = (
        settings().truth / "world.json",
        [settings().truth / f"{name}.parquet" for name in ("customers", "experiments")],
    )
    if not all(path.exists() for path in (plan, *tables)):
        return None
    if (shops := len(worlds(settings().truth))) > 1:
        raise MixedError(f"{shops} shops were simulated into one stack and only the last is known: `make clean`, `make demo`")
    known = json.loads(plan.read_text())
    return Planted(*map(pd.read_parquet, tables), *(pd.Timestamp(moment(known[name])) for name in ("start", "sent_until")))

"""The frozen features of churn, and their split by time.

The test set is the newest cutoff whose labels are known. A cutoff trains only where its labels were known on the day of the
test cutoff: its 90 days end before the test's begin, so that no customer's future is in both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from pyiceberg.catalog import Catalog
from pyiceberg.expressions import AlwaysTrue, In

from contracts.churn import CATEGORIES, CUSTOMER, CUTOFF, FEATURES, LABEL, LABEL_DAYS, NUMERIC
from contracts.lake import CHURN_FEATURES
from contracts.settings import settings
from lakehouse import clients, runs
from lakehouse.errors import LakeError

COLUMNS = (CUTOFF, CUSTOMER, *FEATURES, LABEL)


@dataclass(frozen=True)
class Split:
    """Rows of the training cutoffs, of the test cutoff, and of the as-of day, which is to be scored."""

    train: pd.DataFrame
    test: pd.DataFrame
    current: pd.DataFrame

    @property
    def test_cutoff(self) -> date:
        return self.test[CUTOFF].iloc[0]

    @property
    def train_cutoffs(self) -> list[date]:
        return sorted(self.train[CUTOFF].unique())


def source(run_id: str) -> dict[str, Any]:
    """Identifier, rows, snapshot id and as-of day of the run's input."""
    found: dict[str, Any] = runs.read(run_id, runs.inputs(CHURN_FEATURES.name))["tables"][CHURN_FEATURES.identifier]
    return found


def frozen(catalog: Catalog, snapshot_id: int, cutoffs: Sequence[date] = ()) -> pd.DataFrame:
    """The table at a snapshot, whatever its columns; of some cutoffs alone where any are given. LakeError where it is missing."""
    identifier = CHURN_FEATURES.identifier
    if not catalog.table_exists(identifier):
        raise LakeError(f"{identifier} is not in the lake: run lakehouse.export --mart {CHURN_FEATURES.name} first")
    table = catalog.load_table(identifier)
    if table.snapshot_by_id(snapshot_id) is None:
        raise LakeError(f"{identifier} has no snapshot {snapshot_id}: it has expired; export again under a new run id")
    wanted = In(CUTOFF, cutoffs) if cutoffs else AlwaysTrue()
    return table.scan(wanted, snapshot_id=snapshot_id).to_pandas()


def at(run_id: str, *cutoffs: date) -> pd.DataFrame:
    """The run's features at these cutoffs, checked; the label is a whole number where every one is known.

    Each step reads the cutoffs that it needs: all of them were looked at by the gate.
    """
    snapshot_id = source(run_id)["snapshot_id"]
    name = f"churn features at snapshot {snapshot_id}"
    frame = checked(frozen(clients.catalog(settings()), snapshot_id, cutoffs), name)
    if missing := sorted(str(day) for day in set(cutoffs) - set(frame[CUTOFF].unique())):
        raise LakeError(f"{name}: no row has the cutoff {', '.join(missing)}")
    return frame if frame[LABEL].isna().any() else frame.astype({LABEL: np.int64})


def checked(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The columns of the contract in their types. LakeError naming a column that is missing or holds something else."""
    missing = [column for column in COLUMNS if column not in frame]
    if missing:
        raise LakeError(f"{name} lacks the column {', '.join(missing)}")
    wordy = [column for column in NUMERIC if not pd.api.types.is_numeric_dtype(frame[column])]
    if wordy:
        raise LakeError(f"{name}: {', '.join(f'{column} is {frame[column].dtype}, not a number' for column in wordy)}")
    return frame[list(COLUMNS)].astype(dict.fromkeys(NUMERIC, np.float64) | dict.fromkeys(CATEGORIES, object))


def split(frame: pd.DataFrame, name: str) -> Split:
    """LakeError where there is nothing to train, to test or to score, or where a set knows one outcome only."""
    known = frame[frame[LABEL].notna()].astype({LABEL: np.int64})
    current = frame[frame[LABEL].isna()].drop(columns=LABEL)
    if known.empty:
        raise LakeError(f"{name}: no cutoff has labels yet; {LABEL_DAYS} days must have passed since one")
    newest = known[CUTOFF].max()
    train = known[known[CUTOFF] <= newest - timedelta(days=LABEL_DAYS)]
    if train.empty:
        raise LakeError(
            f"{name}: no cutoff lies {LABEL_DAYS} days or more before the test cutoff {newest}: the history is too short to train"
        )
    if current.empty:
        raise LakeError(f"{name}: no customer is to be scored: every cutoff has its labels")
    test = known[known[CUTOFF] == newest]
    for rows, what in ((train, "training set"), (test, "test set")):
        _both_outcomes(rows[LABEL], f"{name}, {what}")
    return Split(*(part.reset_index(drop=True) for part in (train, test, current)))


def _both_outcomes(label: pd.Series, where: str) -> None:
    if not label.any():
        raise LakeError(f"{where}: no customer has churned (no positive label among {len(label):,}), nothing can be learnt")
    if label.all():
        raise LakeError(f"{where}: all {len(label):,} customers have churned (one class only), nothing can be learnt")


def known_categories(frame: pd.DataFrame, known: dict[str, list[str]], name: str) -> None:
    """LakeError naming a category that a model has never seen."""
    for column, values in known.items():
        if strangers := sorted(set(frame[column].unique()) - set(values)):
            raise LakeError(f"{name}: {column} has the unknown category {', '.join(map(repr, strangers))}; known are {values}")

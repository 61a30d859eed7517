"""The frozen sessions with a cart, checked, and their split by time."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pyiceberg.catalog import Catalog
from pyiceberg.expressions import AlwaysTrue, BooleanExpression

from contracts.lake import CART_SESSIONS
from contracts.ml import CART_CATEGORIES, CART_NUMBERS
from lakehouse import runs
from lakehouse.errors import LakeError

KEY, TIME, LABEL = "session_key", "first_cart_at", "is_abandoned"
# Until then nothing bought does not mean abandoned.
OVER = "is_over"
FEATURES = (*CART_NUMBERS, *CART_CATEGORIES)
# Of the sessions in order of time, the share that only tests.
TEST_SHARE = 0.2
LEAST_SESSIONS = 200


@dataclass(frozen=True)
class Split:
    """Sessions before a moment and from it on."""

    train: pd.DataFrame
    test: pd.DataFrame


@dataclass(frozen=True)
class Frozen:
    """Sessions as ``checked`` gives them, at the snapshot of a run."""

    sessions: pd.DataFrame
    name: str
    snapshot_id: int
    as_of: str


def frozen(catalog: Catalog, run_id: str, which: BooleanExpression = AlwaysTrue()) -> Frozen:  # noqa: B008 - a constant
    """Of the run's sessions those ``which``. LakeError where the snapshot has expired or a column is missing."""
    source = runs.read(run_id, runs.inputs(CART_SESSIONS.name))["tables"][CART_SESSIONS.identifier]
    table, snapshot_id = catalog.load_table(CART_SESSIONS.identifier), source["snapshot_id"]
    if table.snapshot_by_id(snapshot_id) is None:
        raise LakeError(f"{CART_SESSIONS.identifier} has no snapshot {snapshot_id}: it has expired; export again")
    name = f"{CART_SESSIONS.identifier} at snapshot {snapshot_id}"
    frame = table.scan(row_filter=which, snapshot_id=snapshot_id).to_pandas()
    return Frozen(checked(frame, name), name, snapshot_id, source["as_of"])


def checked(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The columns of the contract; a price that was not shown stays missing. LakeError naming what is missing or no number."""
    if missing := [column for column in (KEY, TIME, LABEL, OVER, *FEATURES) if column not in frame]:
        raise LakeError(f"{name} lacks the column {', '.join(missing)}")
    try:
        numbers = frame[[*CART_NUMBERS]].astype(np.float64)
    except (TypeError, ValueError) as error:
        raise LakeError(f"{name}: {error}") from None
    words = frame[[*CART_CATEGORIES]].astype(object)
    return pd.concat([frame[[KEY, TIME, OVER]], numbers, words, frame[LABEL].astype(np.int64)], axis=1)


def split(frame: pd.DataFrame, name: str) -> Split:
    """By time of the first addition, without sessions that go on. LakeError where there are too few, or one outcome only."""
    frame = frame[frame[OVER].astype(bool)]
    if len(frame) < LEAST_SESSIONS:
        raise LakeError(f"{name}: {len(frame)} finished sessions with a cart, {LEAST_SESSIONS} are needed")
    since = frame[TIME].quantile(1 - TEST_SHARE)
    parts = Split(*(part.reset_index(drop=True) for part in (frame[frame[TIME] < since], frame[frame[TIME] >= since])))
    for rows, what in ((parts.train, "training set"), (parts.test, "test set")):
        if rows[LABEL].nunique() != 2:
            outcome = "abandoned" if rows[LABEL].all() else "bought"
            raise LakeError(f"{name}, {what}: every one of {len(rows):,} carts was {outcome}, nothing can be learnt")
    return parts

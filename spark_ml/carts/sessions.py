"""The frozen sessions with a cart, checked, and their split by time."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from contracts.ml import CART_CATEGORIES, CART_NUMBERS
from lakehouse.errors import LakeError

KEY, TIME, LABEL = "session_key", "first_cart_at", "is_abandoned"
FEATURES = (*CART_NUMBERS, *CART_CATEGORIES)
# Of the sessions in order of time, the share that only tests.
TEST_SHARE = 0.2
LEAST_SESSIONS = 200


@dataclass(frozen=True)
class Split:
    """Sessions before a moment and from it on."""

    train: pd.DataFrame
    test: pd.DataFrame


def checked(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The columns of the contract; a price that was not shown stays missing. LakeError naming what is missing or no number."""
    if missing := [column for column in (KEY, TIME, LABEL, *FEATURES) if column not in frame]:
        raise LakeError(f"{name} lacks the column {', '.join(missing)}")
    try:
        numbers = frame[[*CART_NUMBERS]].astype(np.float64)
    except (TypeError, ValueError) as error:
        raise LakeError(f"{name}: {error}") from None
    words = frame[[*CART_CATEGORIES]].astype(object)
    return pd.concat([frame[[KEY, TIME]], numbers, words, frame[LABEL].astype(np.int64)], axis=1)


def split(frame: pd.DataFrame, name: str) -> Split:
    """By time of the first addition. LakeError where there are too few sessions, or one outcome only."""
    if len(frame) < LEAST_SESSIONS:
        raise LakeError(f"{name}: {len(frame)} sessions with a cart, {LEAST_SESSIONS} are needed")
    since = frame[TIME].quantile(1 - TEST_SHARE)
    parts = Split(*(part.reset_index(drop=True) for part in (frame[frame[TIME] < since], frame[frame[TIME] >= since])))
    for rows, what in ((parts.train, "training set"), (parts.test, "test set")):
        if rows[LABEL].nunique() != 2:
            outcome = "abandoned" if rows[LABEL].all() else "bought"
            raise LakeError(f"{name}, {what}: every one of {len(rows):,} carts was {outcome}, nothing can be learnt")
    return parts

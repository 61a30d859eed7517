"""The split by time, and what cannot be learnt from says so."""

from datetime import timedelta

import numpy as np
import pytest
from made_up import AS_OF, features

from contracts.churn import CUTOFF, LABEL, LABEL_DAYS
from lakehouse.errors import LakeError
from spark_ml.churn.features import checked, known_categories, split


def test_the_future_of_the_test_is_in_no_training_label():
    sets = split(checked(features(), "f"), "f")
    assert sets.current[CUTOFF].unique().tolist() == [AS_OF]
    assert LABEL not in sets.current
    assert sets.train_cutoffs
    for day in sets.train_cutoffs:
        assert day + timedelta(days=LABEL_DAYS) <= sets.test_cutoff
    left_out = set(features()[CUTOFF]) - {AS_OF, sets.test_cutoff, *sets.train_cutoffs}
    assert all(sets.test_cutoff - timedelta(days=LABEL_DAYS) < day < sets.test_cutoff for day in left_out)


def test_a_missing_column_and_a_wordy_one_are_named():
    with pytest.raises(LakeError, match="f lacks the column orders, device"):
        checked(features().drop(columns=["orders", "device"]), "f")
    with pytest.raises(LakeError, match="orders is .*, not a number"):
        checked(features().assign(orders="many"), "f")


@pytest.mark.parametrize(("label", "said"), [(0.0, "no positive label"), (1.0, "one class only")])
def test_one_outcome_alone_teaches_nothing(label: float, said: str):
    frame = features()
    frame[LABEL] = np.where(frame[LABEL].isna(), np.nan, label)
    with pytest.raises(LakeError, match=f"f, training set: .*{said}"):
        split(checked(frame, "f"), "f")


def test_a_short_history_says_so():
    frame = features()
    newest = frame.loc[frame[LABEL].notna(), CUTOFF].max()
    with pytest.raises(LakeError, match=f"90 days or more before the test cutoff {newest}: the history is too short"):
        split(frame[frame[CUTOFF] >= newest], "f")
    with pytest.raises(LakeError, match="no cutoff has labels yet"):
        split(frame[frame[LABEL].isna()], "f")
    with pytest.raises(LakeError, match="no customer is to be scored"):
        split(frame[frame[LABEL].notna()], "f")


def test_an_unknown_category_is_named():
    frame = features(50)
    known_categories(frame, {"country": ["DE", "FR"]}, "f")
    with pytest.raises(LakeError, match="f: country has the unknown category 'DE'; known are"):
        known_categories(frame, {"country": ["FR"]}, "f")

"""Carts: the split by time, bad input by name, explanations that add up."""

import numpy as np
import pandas as pd
import pytest

from contracts.ml import CART_CATEGORIES, CART_NUMBERS
from lakehouse.errors import LakeError
from spark_ml.carts.abandonment import contributions, make
from spark_ml.carts.report import waterfall
from spark_ml.carts.sessions import FEATURES, KEY, LABEL, TIME, checked, split


def made_up(sessions: int = 800) -> pd.DataFrame:
    """Carts of many products are bought."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({name: random.integers(0, 9, sessions) for name in CART_NUMBERS})
    frame[[*CART_CATEGORIES]] = random.choice(["a", "b"], (sessions, len(CART_CATEGORIES)))
    frame[LABEL] = random.random(sessions) < 1 / (1 + np.exp(2.0 * (frame["products"] - 4)))
    frame[TIME] = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(random.permutation(sessions), unit="h")
    return frame.assign(**{KEY: [f"s{number}" for number in range(sessions)]})


def test_the_test_sessions_are_the_later_ones():
    parts = split(checked(made_up(), "carts"), "carts")
    assert parts.train[TIME].max() < parts.test[TIME].min()
    assert len(parts.train) + len(parts.test) == 800


def test_what_cannot_be_learnt_from_is_named():
    with pytest.raises(LakeError, match="carts lacks the column hour"):
        checked(made_up().drop(columns="hour"), "carts")
    with pytest.raises(LakeError, match="carts: could not convert string to float: 'many'"):
        checked(made_up().assign(units="many"), "carts")
    with pytest.raises(LakeError, match="carts: 20 sessions with a cart, 200 are needed"):
        split(checked(made_up(20), "carts"), "carts")
    with pytest.raises(LakeError, match="training set: every one of 640 carts was abandoned"):
        split(checked(made_up().assign(**{LABEL: True}), "carts"), "carts")


def test_a_session_s_contributions_add_up_to_its_score():
    parts = split(checked(made_up(), "carts"), "carts")
    model = make(1).fit(parts.train[[*FEATURES]], parts.train[LABEL])
    values, base = contributions(model, parts.test)
    score = model.predict_proba(parts.test[[*FEATURES]])[:, 1]
    assert np.allclose(1 / (1 + np.exp(-(base + values.sum(axis=1)))), score, atol=1e-4)
    assert values.abs().mean().idxmax() == "products"
    place = int(values["products"].abs().argmax())
    drawn = waterfall(values.iloc[place], parts.test.iloc[place], base)
    assert drawn.startswith("<svg") and "products = " in drawn and "all others" in drawn

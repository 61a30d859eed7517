"""Carts: the split by time, bad input by name, explanations that add up."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import EqualTo

from contracts.lake import CART_SESSIONS
from contracts.ml import CART_CATEGORIES, CART_NUMBERS, CART_NUMBERS_FIRST
from lakehouse import runs
from lakehouse.errors import LakeError
from spark_ml.carts.abandonment import contributions, foretold, judged, make
from spark_ml.carts.report import session_page, waterfall
from spark_ml.carts.session import one
from spark_ml.carts.sessions import FEATURES, KEY, LABEL, OVER, TIME, checked, frozen, split


def made_up(sessions: int = 800) -> pd.DataFrame:
    """Carts of many products are bought."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({name: random.integers(0, 9, sessions) for name in CART_NUMBERS})
    frame[[*CART_CATEGORIES]] = random.choice(["a", "b"], (sessions, len(CART_CATEGORIES)))
    frame[LABEL] = random.random(sessions) < 1 / (1 + np.exp(2.0 * (frame["products"] - 4)))
    frame[TIME] = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(random.permutation(sessions), unit="h")
    return frame.assign(**{KEY: [f"s{number}" for number in range(sessions)], OVER: True})


def test_a_session_that_goes_on_is_in_neither_part():
    frame = made_up()
    goes_on = frame[TIME] > frame[TIME].max() - pd.Timedelta(hours=50)
    parts = split(checked(frame.assign(**{OVER: ~goes_on}), "carts"), "carts")
    assert len(parts.train) + len(parts.test) == 800 - goes_on.sum() == 750
    assert not {*frame[KEY][goes_on]} & {*parts.train[KEY], *parts.test[KEY]}


def test_what_the_cart_comes_to_be_foretells_nothing_at_its_first_addition():
    parts = split(checked(made_up(), "carts"), "carts")
    assert "products" not in CART_NUMBERS_FIRST
    assert abs(foretold(parts, 1) - 0.5) < 0.1
    model = make(1).fit(parts.train[[*FEATURES]], parts.train[LABEL])
    assert judged(parts.test[LABEL], model.predict_proba(parts.test[[*FEATURES]])[:, 1])["roc_auc"] > 0.9


def test_the_test_sessions_are_the_later_ones():
    parts = split(checked(made_up(), "carts"), "carts")
    assert parts.train[TIME].max() < parts.test[TIME].min()
    assert len(parts.train) + len(parts.test) == 800


def test_what_cannot_be_learnt_from_is_named():
    with pytest.raises(LakeError, match="carts lacks the column hour"):
        checked(made_up().drop(columns="hour"), "carts")
    with pytest.raises(LakeError, match="carts: could not convert string to float: 'many'"):
        checked(made_up().assign(units="many"), "carts")
    with pytest.raises(LakeError, match="carts: 20 finished sessions with a cart, 200 are needed"):
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


def test_the_variant_is_a_feature_and_its_contribution_is_one():
    """Who is treated buys: the model learns it, under the name of the column."""
    frame = made_up()
    frame["variant"] = np.where(np.arange(len(frame)) % 2, "checkout: new", "checkout: control")
    frame[LABEL] = frame["variant"] == "checkout: control"
    parts = split(checked(frame, "carts"), "carts")
    model = make(1).fit(parts.train[[*FEATURES]], parts.train[LABEL])
    values, _ = contributions(model, parts.test)
    assert values.abs().mean().idxmax() == "variant"
    with pytest.raises(LakeError, match="carts lacks the column variant"):
        checked(frame.drop(columns="variant"), "carts")


def test_one_session_is_found_in_its_run_and_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    catalog = SqlCatalog("test", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=tmp_path.as_uri())
    catalog.create_namespace("marts")
    rows = pa.Table.from_pandas(made_up().assign(**{TIME: pd.Timestamp("2026-01-01")}), preserve_index=False)
    table = catalog.create_table(CART_SESSIONS.identifier, schema=rows.schema)
    table.append(rows)
    snapshot_id = table.current_snapshot().snapshot_id
    table.delete(EqualTo(KEY, "s5"))
    source = {"snapshot_id": snapshot_id, "as_of": "2026-01-31"}
    monkeypatch.setattr(runs, "read", lambda run, step: {"tables": {CART_SESSIONS.identifier: source}})
    assert len(frozen(catalog, "run").sessions) == 800
    row = one(catalog, "run", "s5")
    assert row[KEY].tolist() == ["s5"]
    with pytest.raises(LakeError, match=f"marts.cart_sessions at snapshot {snapshot_id} has no session 's<9>' with a cart"):
        one(catalog, "run", "s<9>")
    values = pd.Series(dict.fromkeys(FEATURES, 0.1))
    drawn = session_page("s<5>", 0.25, "Nothing was bought in it.", "run", values, row.iloc[0], -0.5)
    assert "s&lt;5&gt;" in drawn and "25.0%" in drawn and "<svg" in drawn and "$" not in drawn
    source["snapshot_id"] = 1
    with pytest.raises(LakeError, match="marts.cart_sessions has no snapshot 1: it has expired"):
        one(catalog, "run", "s5")

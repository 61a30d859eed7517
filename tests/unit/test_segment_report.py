"""What the report of segments says of runs, moves and outliers, from tables made by hand."""

from datetime import date

import numpy as np
import pandas as pd

from contracts.ml import CUSTOMER_KEY, SEGMENT_FEATURES
from spark_ml.plots import PALETTE, colours
from spark_ml.report import chain, moves, outlier_rows, trend


def profiles(*runs: tuple[str, str | None, tuple[int, ...]]) -> pd.DataFrame:
    """``runs``: id, the run before, segments; a day apart."""
    return pd.DataFrame(
        [
            {
                "run_id": run, "previous_run": before, "segment": segment, "segment_name": f"{run}-{segment}",
                "as_of": date(2026, 1, 1 + number), "customers": 10 * segment, "revenue": 100.0 * segment,
            }
            for number, (run, before, segments) in enumerate(runs)
            for segment in segments
        ]
    )  # fmt: skip


HISTORY = profiles(("a", "", (1, 2)), ("b", "a", (1, 2)), ("strange", "a", (7,)), ("c", "b", (1, 3)), ("later", "c", (1,)))


def test_the_trend_is_of_the_runs_that_the_numbers_come_from():
    found = chain(HISTORY, "c")
    assert found["run_id"].drop_duplicates().tolist() == ["a", "b", "c"]
    assert found["place"].tolist() == [0, 0, 1, 1, 2, 2]
    drawn = trend(found)
    for name in ("c-1", "b-2", "c-3", "2026-01-01"):
        assert name in drawn
    assert "a-1" not in drawn
    assert "first run" in trend(chain(HISTORY, "a"))


def test_a_run_before_that_is_not_there_ends_the_chain():
    gone = profiles(("b", "lost", (1,)), ("c", "b", (1,)))
    assert set(chain(gone, "c")["run_id"]) == {"b", "c"}
    assert set(chain(profiles(("old", None, (1,)), ("c", "old", (1,))), "c")["run_id"]) == {"old", "c"}


def test_moves_are_counted_and_who_is_new_has_a_row():
    assigned = pd.DataFrame({"previous_segment": [0, 1, 1, 2], "segment": [3, 1, 3, 1]})
    table = moves(assigned, {1: "Loyal", 3: "Lost"}, {1: "Loyal", 2: "<Old>"})
    assert "<td>not there yet</td><td class=n>0</td><td class=n>1</td>" in table
    assert "<td>Loyal</td><td class=n><b>1</b></td><td class=n>1</td>" in table
    assert "<td>&lt;Old&gt;</td><td class=n>1</td><td class=n>0</td>" in table
    assert moves(assigned, {1: "Loyal", 3: "Lost"}, {}) == ""


def test_outliers_are_named_farthest_first():
    names = [feature.name for feature in SEGMENT_FEATURES]
    data = pd.DataFrame(5.0, index=range(6), columns=names).assign(**{CUSTOMER_KEY: [f"c{number}" for number in range(6)]})
    data["orders"] = [5.0, 90.0, 70.0, 80.0, 60.0, 5.0]
    assigned = data[[CUSTOMER_KEY]].assign(outlier_in=["", "orders", "orders,categories", "orders", "orders", ""])
    inputs = pd.DataFrame({"feature": names, "low": -10.0, "high": 20.0, "least": 5.0, "outliers": 0})
    inputs.loc[inputs["feature"] == "orders", "outliers"] = 4
    inputs.loc[inputs["feature"] == "return_rate", ["low", "high"]] = np.nan
    rows = outlier_rows(inputs, assigned, data)
    assert "<td>up to 20.0</td><td class=n>4</td><td>c1 (90.0), c3 (80.0), c2 (70.0)</td>" in rows
    assert "<td>none: nine in ten have the same value</td><td class=n>0</td><td></td>" in rows
    nobody = outlier_rows(inputs.assign(outliers=0), assigned.assign(outlier_in=""), data)
    assert nobody.count("<tr>") == len(names)


def test_a_segment_keeps_its_colour_and_no_two_of_a_page_share_one():
    assert colours([1, 2])[1] == colours([1, 5, 9])[1] == PALETTE[0]
    assert len(set(colours([1, 13, 2, 25]).values())) == 4

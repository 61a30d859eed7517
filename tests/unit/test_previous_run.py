"""Which run of segments is the one before, from profiles made by hand."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from pyiceberg.catalog.sql import SqlCatalog

from contracts.ml import CUSTOMER_SEGMENTS, SEGMENT_PROFILES, ResultTable
from contracts.types import Type
from lakehouse.results import replace_run
from spark_ml.previous import COLUMNS, choose, predecessor, with_customers

RUNS = pd.DataFrame(
    [
        (run, date(2026, 1, day), datetime(2026, 2, 1, hour, tzinfo=UTC), segment, f"{run} {segment}")
        for run, day, hour, segments in (("a", 1, 1, (1, 2)), ("b", 8, 2, (1, 3)), ("c", 8, 3, (3, 4)), ("d", 15, 0, (4, 9)))
        for segment in segments
    ],
    columns=list(COLUMNS),
)
ALL = {"a", "b", "c", "d"}


def test_the_newest_day_then_the_one_computed_last():
    found = choose(RUNS, ALL, "new", date(2026, 1, 31))
    assert (found.run_id, found.names, found.highest) == ("d", {4: "d 4", 9: "d 9"}, 9)
    assert choose(RUNS, ALL, "new", date(2026, 1, 8)).run_id == "c"


def test_a_later_day_is_not_the_past_but_its_numbers_are_used():
    found = choose(RUNS, ALL, "backfill", date(2026, 1, 7))
    assert (found.run_id, found.highest) == ("a", 9)
    first = choose(RUNS, ALL, "older than all", date(2025, 12, 1))
    assert (first.run_id, first.names, first.highest) == (None, {}, 9)


def test_a_run_made_again_does_not_follow_itself():
    found = choose(RUNS, ALL, "d", date(2026, 1, 15))
    assert (found.run_id, found.highest) == ("c", 4)


def test_a_run_whose_customers_are_gone_is_passed_over():
    assert choose(RUNS, {"a", "b"}, "new", date(2026, 1, 31)).run_id == "b"
    assert choose(RUNS, set(), "new", date(2026, 1, 31)).run_id is None
    assert choose(RUNS.head(0), set(), "new", date(2026, 1, 31)).highest == 0


def written(catalog: SqlCatalog, table: ResultTable, run_id: str, day: int, segment: int) -> None:
    """One row of the run, whatever else the table asks for."""
    empty = {Type.TEXT: "", Type.LABEL: "", Type.INTEGER: np.int32(0), Type.BIGINT: 0, Type.DOUBLE: 0.0}
    row = {column.name: empty.get(column.type) for column in table.columns}
    row |= {
        "run_id": run_id,
        "as_of": date(2026, 1, day),
        "computed_at": pd.Timestamp(2026, 2, day, tz="UTC"),
        "segment": segment,
    }
    replace_run(catalog, table, pd.DataFrame([row]), run_id, f"2026-01-{day:02d}")


def test_the_lake_says_which_runs_are_there(tmp_path: Path):
    catalog = SqlCatalog("test", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=tmp_path.as_uri())
    catalog.create_namespace("ml")
    first = predecessor(catalog, "a", date(2026, 1, 1))
    assert (first.run_id, first.highest) == (None, 0)
    for number, run_id in enumerate("abc", start=1):
        written(catalog, SEGMENT_PROFILES, run_id, number, segment=number)
        if run_id != "c":
            written(catalog, CUSTOMER_SEGMENTS, run_id, number, segment=number)
    assert with_customers(catalog) == {"a", "b"}, "c has not written its customers yet"
    found = predecessor(catalog, "d", date(2026, 1, 31))
    assert (found.run_id, found.names, found.highest) == ("b", {2: ""}, 3)
    catalog.load_table(CUSTOMER_SEGMENTS.identifier).delete("run_id = 'b'")
    assert with_customers(catalog) == {"a"}
    assert predecessor(catalog, "d", date(2026, 1, 31)).run_id == "a"

"""Which run of segments is the one before, from profiles made by hand."""

from datetime import UTC, date, datetime

import pandas as pd

from spark_ml.previous import COLUMNS, choose

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

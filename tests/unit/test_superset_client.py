"""The queries that a chart's settings stand for."""

from runner.superset_client import queries, rows_with_data


def test_a_series_over_time_groups_by_its_axis_and_its_dimension() -> None:
    (query,) = queries({"x_axis": "day", "time_grain_sqla": "P1D", "metrics": ["net"], "groupby": ["country"], "row_limit": 7})
    axis, dimension = query["columns"]
    assert (axis["sqlExpression"], axis["timeGrain"], axis["columnType"]) == ("day", "P1D", "BASE_AXIS")
    assert dimension == "country"
    assert query["metrics"] == ["net"]
    assert query["row_limit"] == 7


def test_a_mixed_chart_has_two_queries() -> None:
    first, second = queries({"x_axis": "day", "metrics": ["a"], "groupby": ["x"], "metrics_b": ["b"], "groupby_b": []})
    assert (first["metrics"], first["columns"][1:]) == (["a"], ["x"])
    assert (second["metrics"], second["columns"][1:]) == (["b"], [])


def test_a_table_of_rows_has_an_order_and_no_metrics() -> None:
    (query,) = queries({"query_mode": "raw", "all_columns": ["a", "b"], "order_by_cols": ['["a", false]'], "groupby": ["c"]})
    assert query["columns"] == ["a", "b"]
    assert query["orderby"] == [["a", False]]
    assert "metrics" not in query


def test_a_heat_map_names_one_dimension() -> None:
    (query,) = queries({"x_axis": "months_since", "groupby": "cohort", "metric": "share"})
    assert query["columns"][1:] == ["cohort"]


def test_filters_are_kept() -> None:
    filters = [{"subject": "step", "operator": "==", "comparator": "Open"}]
    (query,) = queries({"metric": "sessions", "adhoc_filters": filters})
    assert query["filters"] == [{"col": "step", "op": "==", "val": "Open"}]
    assert query["metrics"] == ["sessions"]


def test_a_total_of_nothing_is_no_data() -> None:
    assert rows_with_data([{"revenue": None}]) == rows_with_data([{"revenue": 0}]) == rows_with_data([]) == []
    assert len(rows_with_data([{"day": 1, "revenue": 0}, {"day": None, "revenue": None}])) == 1

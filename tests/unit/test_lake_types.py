"""ClickHouse types to Iceberg types, and what a run id may be."""

import pytest
from pyiceberg.types import BooleanType, DateType, DecimalType, DoubleType, IntegerType, LongType, StringType, TimestamptzType

from contracts.lake import check_run_id
from contracts.types import Type
from lakehouse.errors import LakeError
from lakehouse.export import check_counts
from lakehouse.marts import MartCounts
from lakehouse.types import lake_column


@pytest.mark.parametrize(
    ("clickhouse", "iceberg", "cast"),
    [
        ("String", StringType(), "CAST(`c`, 'String')"),
        ("LowCardinality(Nullable(String))", StringType(), "CAST(`c`, 'Nullable(String)')"),
        ("Enum8('a' = 1, 'b' = 2)", StringType(), "CAST(`c`, 'String')"),
        ("FixedString(2)", StringType(), "CAST(`c`, 'String')"),
        ("UInt8", IntegerType(), "accurateCast(`c`, 'Int32')"),
        ("UInt32", LongType(), "accurateCast(`c`, 'Int64')"),
        ("Nullable(UInt64)", LongType(), "accurateCast(`c`, 'Nullable(Int64)')"),
        ("Bool", BooleanType(), "CAST(`c`, 'Bool')"),
        ("Nullable(Float64)", DoubleType(), "CAST(`c`, 'Nullable(Float64)')"),
        ("Decimal(18, 4)", DecimalType(18, 4), "CAST(`c`, 'Decimal(18, 4)')"),
        ("Date", DateType(), "CAST(`c`, 'Date32')"),
        ("DateTime", TimestamptzType(), "CAST(`c`, 'DateTime64(6, \\'UTC\\')')"),
        ("Nullable(DateTime64(3, 'UTC'))", TimestamptzType(), "CAST(`c`, 'Nullable(DateTime64(6, \\'UTC\\'))')"),
    ],
)
def test_type(clickhouse: str, iceberg: object, cast: str):
    column = lake_column("c", clickhouse)
    assert column.type == iceberg
    assert column.expression == f"{cast} AS `c`"


@pytest.mark.parametrize("kind", list(Type))
def test_every_type_of_the_contracts_has_a_place(kind: Type):
    assert lake_column("c", kind.clickhouse).type


@pytest.mark.parametrize("kind", ["Decimal(76, 4)", "Array(String)", "Map(String, Int64)", "UInt128", "Tuple(Int8, String)"])
def test_a_type_without_a_place_is_an_error(kind: str):
    with pytest.raises(ValueError, match="no counterpart in Iceberg"):
        lake_column("c", kind)


def test_a_name_cannot_leave_its_quotes():
    assert lake_column("a`b", "String").expression == "CAST(`a\\`b`, 'String') AS `a\\`b`"


@pytest.mark.parametrize(("rows", "keys", "written"), [(3, 3, 2), (3, 2, 3), (2, 3, 3)])
def test_counts_that_differ_name_the_table_and_the_numbers(rows: int, keys: int, written: int):
    with pytest.raises(LakeError, match=rf"marts.x: {rows} rows, {keys} distinct keys, {written} rows written"):
        check_counts("marts.x", MartCounts(rows, keys), written)


def test_equal_counts_pass():
    check_counts("marts.x", MartCounts(3, 3), 3)


@pytest.mark.parametrize("bad", ["", "../x", "a/b", "a b", "-a", "a'b", "x" * 101, "manual__2026-01-01T00:00:00+00:00"])
def test_a_run_id_that_is_no_part_of_a_path_is_refused(bad: str):
    with pytest.raises(ValueError, match="run id"):
        check_run_id(bad)


def test_a_run_id_keeps_its_form():
    assert check_run_id("manual-1.20260131_x") == "manual-1.20260131_x"

"""The validator as a vectorised function of Flink: one call judges a batch of records."""

import time
from collections.abc import Callable

import pandas as pd
from pyflink.table import DataTypes
from pyflink.table.types import DataType
from pyflink.table.udf import udf

from contracts.events import Event
from contracts.types import Type
from flink_jobs.validate import validator

# What a verdict's values are on the way from Python to the JVM: times as milliseconds, money as text.
_WIRE: dict[Type, Callable[[], DataType]] = {
    Type.TEXT: DataTypes.STRING,
    Type.LABEL: DataTypes.STRING,
    Type.MONEY: DataTypes.STRING,
    Type.INTEGER: DataTypes.INT,
    Type.TIMESTAMP: DataTypes.BIGINT,
}


def verdict_type(event: Event) -> DataType:
    fields = [DataTypes.FIELD("reason", DataTypes.STRING()), DataTypes.FIELD("message", DataTypes.STRING())]
    return DataTypes.ROW(fields + [DataTypes.FIELD(column.name, _WIRE[column.type]()) for column in event.fields])


def judge(event: Event):  # noqa: ANN201  (pyflink has no public type for a declared function)
    """The SQL function (raw_value, raw_key) -> verdict row for one stream."""
    judge_one = validator(event)
    names = ["reason", "message", *(column.name for column in event.fields)]

    def judge_batch(values: pd.Series, keys: pd.Series) -> pd.DataFrame:
        now = time.time_ns() // 1_000_000
        verdicts = [judge_one(value, key, now) for value, key in zip(values, keys, strict=True)]
        columns = dict(zip(names, zip(*verdicts, strict=True), strict=True)) if verdicts else dict.fromkeys(names, ())
        # Columns of Python objects: pandas' own integers would turn into floats where one is missing.
        return pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in columns.items()})

    return udf(judge_batch, result_type=verdict_type(event), func_type="pandas", name=f"judge_{event.name}")

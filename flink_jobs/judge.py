"""The validator as a function of Flink: a record's bytes in, its verdict out.

A verdict is a few byte strings: a row of the event's fields would cost more than the judging (docs/decisions/0001).
"""

from datetime import timedelta

from pyflink.common import Row
from pyflink.table import DataTypes
from pyflink.table.udf import FunctionContext, ScalarFunction, udf

from contracts.events import Event
from contracts.topics import Stream
from flink_jobs.verdict import verdict_of

# Bytes throughout: text would be decoded and encoded again on its way.
VERDICT_FIELDS = ("event_hash", "payload", "fields")
VERDICT = DataTypes.ROW([DataTypes.FIELD(name, DataTypes.BYTES()) for name in VERDICT_FIELDS])


def function_name(event: Event) -> str:
    return f"judge_{event.name}"


class Judge(ScalarFunction):
    """(raw_value, raw_key, source_partition, source_offset) -> verdict. Its decoder is made where it works."""

    def __init__(self, stream: Stream, tolerance: timedelta) -> None:
        self.stream, self.tolerance = stream, tolerance

    def open(self, context: FunctionContext) -> None:
        self.verdict = verdict_of(self.stream, self.tolerance)

    def eval(self, value: bytes | None, key: bytes | None, partition: int, offset: int) -> Row:
        return Row(*self.verdict(value, key, partition, offset))


def judge(stream: Stream, tolerance: timedelta):  # noqa: ANN201  (pyflink has no public type for a declared function)
    return udf(Judge(stream, tolerance), result_type=VERDICT, name=function_name(stream.event))

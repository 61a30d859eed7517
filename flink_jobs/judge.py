"""The validator as a function of Flink: a framed record in, its verdict out."""

from datetime import timedelta

from pyflink.table import DataTypes
from pyflink.table.udf import FunctionContext, ScalarFunction, udf

from contracts.events import Event
from contracts.topics import Stream
from flink_jobs.crossing import Verdict
from flink_jobs.verdict import verdict_of


def function_name(event: Event) -> str:
    return f"judge_{event.name}"


class Judge(ScalarFunction):
    """Bytes both ways: text would be decoded and encoded again on its way. Its decoder is made where it works."""

    def __init__(self, stream: Stream, tolerance: timedelta) -> None:
        self.stream, self.tolerance = stream, tolerance

    def open(self, context: FunctionContext) -> None:
        self.verdict = verdict_of(self.stream, self.tolerance)

    def eval(self, frame: bytes) -> Verdict:
        return self.verdict(frame)


def judge(stream: Stream, tolerance: timedelta):  # noqa: ANN201  (pyflink has no public type for a declared function)
    return udf(Judge(stream, tolerance), result_type=DataTypes.ARRAY(DataTypes.BYTES()), name=function_name(stream.event))

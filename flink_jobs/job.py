"""The whole job: its two halves under the options that each needs."""

from pyflink.table import StatementSet, StreamTableEnvironment

from contracts.settings import Settings
from contracts.topics import STREAMS
from flink_jobs import intake, live
from flink_jobs.environment import set_options


def statements(config: Settings, flink: StreamTableEnvironment) -> StatementSet:
    set_options(flink, intake.THREADED)
    for stream in STREAMS:
        intake.judge_records(config, flink, stream)
        intake.pass_first(flink, stream)
        live.accept(flink, stream)
    # What is planned so far stays without them: behind an updating stream every aggregate would be the retracting kind.
    set_options(flink, live.batched(config))
    statement_set = flink.create_statement_set()
    for stream in STREAMS:
        for statement in intake.outputs(config, flink, stream):
            statement_set.add_insert_sql(statement)
    for statement in live.outputs(config, flink):
        statement_set.add_insert_sql(statement)
    return statement_set

"""The whole job: its two halves, each part planned under the options that it needs."""

from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

from contracts.settings import Settings
from contracts.topics import STREAMS
from flink_jobs import intake, live
from flink_jobs.environment import plan_inserts, set_options


def assemble(config: Settings, flink: StreamTableEnvironment) -> StreamExecutionEnvironment:
    """The environment that executes the job, or tells its plan."""
    set_options(flink, intake.THREADED)
    for stream in STREAMS:
        intake.judge_records(config, flink, stream)
        intake.pass_first(flink, stream)
        live.accept(flink, stream)
    plan_inserts(flink, [insert for stream in STREAMS for insert in intake.outputs(config, flink, stream)])
    # What is planned so far stays without mini-batches: behind an updating stream every aggregate would be the retracting kind.
    for gathered in (False, True):
        set_options(flink, live.batched(config, gathered))
        plan_inserts(flink, live.outputs(config, flink, gathered))
    return StreamExecutionEnvironment(flink._get_j_env())

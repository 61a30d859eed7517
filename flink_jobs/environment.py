"""What both jobs ask of Flink; the cluster's own options are in ``flink-conf.yaml``."""

from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

from contracts.settings import Settings
from flink_jobs.state import state_folder


def options(config: Settings, job: str, state: str) -> dict[str, str]:
    # One day beyond the retention: a figure that may still change keeps its state, and duplicates are known as long.
    state_days = config.live_retention_days + 1
    resume = {"execution.state-recovery.path": state} if state else {}
    return resume | {
        # Chained operators hand rows on as they are; without this each hand-over copies the row.
        "pipeline.object-reuse": "true",
        "pipeline.name": job,
        "parallelism.default": str(config.parallelism),
        "execution.checkpointing.dir": f"{state_folder(config, job).as_uri()}/checkpoints",
        "table.local-time-zone": "UTC",
        "table.exec.state.ttl": f"{state_days} d",
    }


def environment(config: Settings, job: str, state: str = "") -> StreamTableEnvironment:
    """An environment for one job, which begins with this savepoint or checkpoint where one is given."""
    made = StreamTableEnvironment.create(StreamExecutionEnvironment.get_execution_environment())
    set_options(made, options(config, job, state))
    return made


def set_options(flink: StreamTableEnvironment, wanted: dict[str, str]) -> None:
    for name, value in wanted.items():
        flink.get_config().set(name, value)


def first_arrivals(source: str, identity: str, columns: str) -> str:
    """The first record of each identity. Ranked on arrival, it is an insert-only stream."""
    return f"""
        SELECT {columns} FROM (
          SELECT {columns}, ROW_NUMBER() OVER (PARTITION BY {identity} ORDER BY arrived ASC) AS arrival FROM {source}
        ) WHERE arrival = 1"""

"""What both jobs ask of Flink; the cluster's own options are in ``flink-conf.yaml``."""

from pyflink.table import EnvironmentSettings, TableEnvironment

from contracts.settings import Settings
from flink_jobs.state import state_folder


def options(config: Settings, job: str) -> dict[str, str]:
    # One day beyond the retention: a figure that may still change keeps its state, and duplicates are known as long.
    state_days = config.live_retention_days + 1
    return {
        "pipeline.name": job,
        "parallelism.default": str(config.parallelism),
        "execution.checkpointing.dir": f"{state_folder(config, job).as_uri()}/checkpoints",
        "table.local-time-zone": "UTC",
        "table.exec.state.ttl": f"{state_days} d",
        # Keep-first deduplication is insert-only without mini-batches only (docs/decisions/0002).
        "table.exec.mini-batch.enabled": "false",
    }


def environment(config: Settings, job: str, more: dict[str, str] | None = None) -> TableEnvironment:
    made = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    for name, value in (options(config, job) | (more or {})).items():
        made.get_config().set(name, value)
    return made


def first_arrivals(source: str, identity: str, columns: str) -> str:
    """The first record of each identity. Ranked on arrival, it is an insert-only stream."""
    return f"""
        SELECT {columns} FROM (
          SELECT {columns}, ROW_NUMBER() OVER (PARTITION BY {identity} ORDER BY arrived ASC) AS arrival FROM {source}
        ) WHERE arrival = 1"""

"""What the job asks of Flink; the cluster's own options are in ``flink-conf.yaml``."""

import gc
from collections.abc import Iterable

from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway
from pyflink.table import StreamTableEnvironment, Table

from contracts.settings import Settings
from flink_jobs.state import state_folder


def options(config: Settings, state: str) -> dict[str, str]:
    # One day beyond the retention: a figure that may still change keeps its state, and duplicates are known as long.
    state_days = config.live_retention_days + 1
    resume = {"execution.state-recovery.path": state} if state else {}
    return resume | {
        # Chained operators hand rows on as they are; without this each hand-over copies the row.
        "pipeline.object-reuse": "true",
        "parallelism.default": str(config.parallelism),
        "execution.checkpointing.dir": f"{state_folder(config).as_uri()}/checkpoints",
        "table.local-time-zone": "UTC",
        "table.exec.state.ttl": f"{state_days} d",
    }


def environment(config: Settings, state: str = "") -> StreamTableEnvironment:
    """An environment for the job, which begins with this savepoint or checkpoint where one is given.

    Python's cyclic collector is off from then on. It may run in py4j's callback thread, which wakes every few seconds, and take
    the connection to the JVM to free objects there; the next call then comes over another one, in another thread of the JVM,
    where Flink cannot plan (FLINK-23020: NullPointerException, metadataHandlerProvider).
    """
    gc.disable()
    wanted = Configuration()
    for name, value in options(config, state).items():
        wanted.set_string(name, value)
    return StreamTableEnvironment.create(StreamExecutionEnvironment.get_execution_environment(wanted))


def set_options(flink: StreamTableEnvironment, wanted: dict[str, str]) -> None:
    for name, value in wanted.items():
        flink.get_config().set(name, value)


def plan_view(flink: StreamTableEnvironment, name: str, query: str) -> None:
    """A view that is planned by itself, under the options of now, and computed once for all who read it.

    Its rows pass in Flink's own binary form, unconverted. Views alone the planner would merge into each of their readers.
    """
    table = flink.sql_query(query)
    internal = get_gateway().jvm.Class.forName("org.apache.flink.table.data.RowData")
    rows = table._j_table.getResolvedSchema().toPhysicalRowDataType().bridgedTo(internal)
    stream = flink._j_tenv.fromDataStream(flink._j_tenv.toDataStream(table._j_table, rows))
    flink.create_temporary_view(name, Table(stream, flink))


def plan_inserts(flink: StreamTableEnvironment, statements: Iterable[str]) -> None:
    """Add these INSERTs to the job, planned together under the options of now."""
    together = flink.create_statement_set()
    for statement in statements:
        together.add_insert_sql(statement)
    together.attach_as_datastream()

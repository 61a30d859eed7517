"""What the batch side says of itself: every build of the warehouse, and what became of each model and test in it."""

from contracts.tables import OPS_DATABASE, ClickHouseTable
from contracts.types import Column, Type


class OpsTable(ClickHouseTable):
    """A table about builds; one that is written again replaces itself."""

    database = OPS_DATABASE


_BUILD = (
    Column("build_id", Type.TEXT, "Identity of the build."),
    Column("started_at", Type.TIMESTAMP, "When the build began."),
)

BUILDS = OpsTable(
    "builds", ("started_at", "build_id"),
    (
        *_BUILD,
        Column("as_of_day", Type.DATE, "The marts are as known at the end of this day, UTC."),
        Column("seconds", Type.DOUBLE, "How long it took."),
        Column("is_ok", Type.INTEGER, "1 where every model was built and no test failed, else 0."),
        Column("models_built", Type.INTEGER, "Models built."),
        Column("models_failed", Type.INTEGER, "Models that failed."),
        Column("tests_passed", Type.INTEGER, "Tests that passed."),
        Column("tests_warned", Type.INTEGER, "Tests that warned."),
        Column("tests_failed", Type.INTEGER, "Tests that failed."),
        Column("tests_skipped", Type.INTEGER, "Tests that were not run, since something before them failed."),
    ),
    "One row per build of the warehouse.",
)  # fmt: skip

BUILD_NODES = OpsTable(
    "build_nodes", ("started_at", "build_id", "kind", "name"),
    (
        *_BUILD,
        Column("name", Type.TEXT, "Model or test."),
        Column("kind", Type.LABEL, "model, test or unit_test."),
        Column("layer", Type.LABEL, "Database of a model; empty for a test."),
        Column("status", Type.LABEL, "success or pass where all is well, else warn, fail, error or skipped."),
        Column("seconds", Type.DOUBLE, "How long it took."),
        Column("failures", Type.INTEGER, "Rows that a test complains about."),
        Column("row_count", Type.BIGINT, "Rows of a table.", nullable=True),
        Column("message", Type.TEXT, "What is wrong; empty where nothing is."),
    ),
    "One row per build and model or test in it.",
)  # fmt: skip

OPS_TABLES = (BUILDS, BUILD_NODES)

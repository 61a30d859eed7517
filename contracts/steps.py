"""The batch side as a list of commands: what the DAG ``customer_pipeline`` and ``make marts|segments`` run, in this order.

Each step is a program of another environment. A run's values are frozen once and the same for every step,
so that a step that is run again does the same work.
"""

import hashlib
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

from contracts.lake import check_run_id

K_BOUNDS = (2, 12)
K_MIN, K_MAX = 2, 8


class Value(StrEnum):
    """A value of the run, by the name of the environment variable that carries it to a shell."""

    RUN_ID = "RUN_ID"
    AS_OF = "AS_OF"
    K_MIN = "K_MIN"
    K_MAX = "K_MAX"


@dataclass(frozen=True)
class Step:
    """A program, its environment, and the longest it may take."""

    name: str
    venv: str
    arguments: tuple[str, ...]
    """What follows the interpreter; a Value stands for the run's value."""
    doc: str
    minutes: int
    result: str = ""
    """What is new once the step has passed."""

    def python(self, tools: Path) -> Path:
        return tools / "venvs" / self.venv / "bin" / "python"

    def argv(self, tools: Path, values: Mapping[Value, str]) -> list[str]:
        """The command with the run's values in place."""
        return [str(self.python(tools)), *(values[each] if isinstance(each, Value) else each for each in self.arguments)]

    def shell(self, tools: Path) -> str:
        """The command for a shell that finds the run's values in its environment: none of them is ever parsed as code."""
        words = (f'"${each}"' if isinstance(each, Value) else shlex.quote(each) for each in self.arguments)
        return f"exec {shlex.quote(str(self.python(tools)))} {' '.join(words)}"


DBT_BUILD = Step(
    "dbt_build", "dbt", ("dbt/build.py", "--as-of", Value.AS_OF),
    "Build and test staging, intermediate and marts in ClickHouse, as known at the end of the run's day.",
    minutes=60, result="marts",
)  # fmt: skip
EXPORT = Step(
    "export_to_iceberg", "spark", ("-m", "lakehouse.export", "--run-id", Value.RUN_ID, "--as-of", Value.AS_OF),
    "Copy the marts as Parquet to the object store and commit them to Iceberg tables.",
    minutes=60, result="lake",
)  # fmt: skip
SEGMENTS = Step(
    "kmeans_segments", "spark",
    ("-m", "spark_ml.segments", "--run-id", Value.RUN_ID, "--k-min", Value.K_MIN, "--k-max", Value.K_MAX),
    "Cut the customers into segments with Spark K-Means; k is the one with the best silhouette.",
    minutes=120,
)  # fmt: skip
WRITE_BACK = Step(
    "write_back_to_clickhouse", "spark", ("-m", "spark_ml.write_back", "--run-id", Value.RUN_ID),
    "Copy the run's segments from Iceberg to ClickHouse.",
    minutes=30, result="segments",
)  # fmt: skip
REPORT = Step(
    "report", "spark", ("-m", "spark_ml.report", "--run-id", Value.RUN_ID),
    "Write the run's report with its plots as one HTML file.",
    minutes=30,
)  # fmt: skip

MART_STEPS = (DBT_BUILD,)
SEGMENT_STEPS = (EXPORT, SEGMENTS, WRITE_BACK, REPORT)
BATCH_STEPS = (*MART_STEPS, *SEGMENT_STEPS)

RETENTION = Step(
    "delete_expired", "core", ("-m", "runner.retention"),
    "Delete the per-minute rows that are older than LIVE_RETENTION_DAYS.",
    minutes=10,
)  # fmt: skip
LAKE_UPKEEP = Step(
    "expire_snapshots", "spark", ("-m", "lakehouse.upkeep"),
    "Expire the lake's older snapshots and remove the files that nothing refers to.",
    minutes=60,
)  # fmt: skip
STREAM_WATCH = Step(
    "look_at_the_stream", "core", ("-m", "watch.check"),
    "Read every part, and send what is alarming since the last look.",
    minutes=5,
)  # fmt: skip
UPKEEP_STEPS = (RETENTION, LAKE_UPKEEP, STREAM_WATCH)
SUMMARY = Step(
    "send_summary", "core", ("-m", "alerts.summary"),
    "Send a message about the newest build, its tests and the changes of the segments.",
    minutes=5,
)  # fmt: skip
# An export that stands by itself; customer_pipeline goes on to the segments on its own.
EXPORT_ALONE = "lake_alone"


def frozen_values(label: str, started: date, as_of: str | None, k_min: int, k_max: int) -> dict[Value, str]:
    """The run's values: the same whenever they are asked for.

    ``label`` is the trigger's name for the run. Without ``as_of`` the cutoff is the end of ``started``, the UTC day of the run.
    ValueError names a value that cannot be used.
    """
    try:
        day = date.fromisoformat(as_of) if as_of else started
    except ValueError:
        raise ValueError(f"as_of {as_of!r} is not a day of the form YYYY-MM-DD") from None
    if not K_BOUNDS[0] <= k_min <= k_max <= K_BOUNDS[1]:
        raise ValueError(f"k_min={k_min}, k_max={k_max}: expected {K_BOUNDS[0]} <= k_min <= k_max <= {K_BOUNDS[1]}")
    return {Value.RUN_ID: run_id(label, day), Value.AS_OF: day.isoformat(), Value.K_MIN: str(k_min), Value.K_MAX: str(k_max)}


def run_id(label: str, day: date) -> str:
    """A name for paths, objects and SQL; labels that differ give ids that differ."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", label).strip("-")[:60].lower() or "run"
    digest = hashlib.sha256(label.encode()).hexdigest()[:8]
    return check_run_id(f"{readable}-{digest}.{day:%Y%m%d}")

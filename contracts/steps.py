"""The batch side as a list of commands: what the DAG ``customer_pipeline`` and ``make marts|segments`` run, in this order.

Each step is a program of another environment. A run's values are frozen once and the same for every step,
so that a step that is run again does the same work.
"""

import hashlib
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from contracts import churn
from contracts.lake import CART_SESSIONS, CHURN_FEATURES, CLV_SUMMARY, ExportedMart, check_run_id

K_BOUNDS = (2, 12)
K_MIN, K_MAX = 2, 10


class Value(StrEnum):
    """A value of the run, by the name of the environment variable that carries it to a shell."""

    RUN_ID = "RUN_ID"
    AS_OF = "AS_OF"
    K_MIN = "K_MIN"
    K_MAX = "K_MAX"
    TRIALS = "TRIALS"
    CUSTOMER_VALUE = "CUSTOMER_VALUE"
    OFFER_COST = "OFFER_COST"
    OFFER_SUCCESS = "OFFER_SUCCESS"
    MARGIN = "MARGIN"
    ACCEPT_DRIFT = "ACCEPT_DRIFT"


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

    @property
    def values(self) -> list[Value]:
        """The run's values that it takes."""
        return [each for each in self.arguments if isinstance(each, Value)]

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
    "Cut the customers into segments with Spark K-Means; k is the largest stable one near the best silhouette.",
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

CHURN_FEATURES_STEP = Step(
    "freeze_features", "spark",
    ("-m", "lakehouse.export", "--run-id", Value.RUN_ID, "--as-of", Value.AS_OF, "--mart", CHURN_FEATURES.name),
    "Copy the features of churn to Iceberg; the run reads them at this snapshot.",
    minutes=60,
)  # fmt: skip
CHURN_GATE = Step(
    "quality_gate", "models", ("-m", "spark_ml.churn.gate", "--run-id", Value.RUN_ID, "--accept-drift", Value.ACCEPT_DRIFT),
    "Check the features against their expectations; what is not met stops the run.",
    minutes=30,
)  # fmt: skip
CHURN_TRAIN = Step(
    "train", "models",
    (
        "-m", "spark_ml.churn.train", "--run-id", Value.RUN_ID, "--trials", Value.TRIALS,
        "--customer-value", Value.CUSTOMER_VALUE, "--offer-cost", Value.OFFER_COST, "--offer-success", Value.OFFER_SUCCESS,
    ),
    "Search and fit logistic regression, random forest and LightGBM on the older cutoffs, and the two baselines.",
    minutes=120,
)  # fmt: skip
CHURN_EVALUATE = Step(
    "evaluate", "models", ("-m", "spark_ml.churn.evaluate", "--run-id", Value.RUN_ID),
    "Choose the best in training, judge all on a later cutoff and write the report.",
    minutes=60,
)  # fmt: skip
CHURN_REGISTER = Step(
    "register", "models", ("-m", "spark_ml.churn.register", "--run-id", Value.RUN_ID, "--margin", Value.MARGIN),
    "Register the chosen one; it becomes the champion where it is better by the margin.",
    minutes=30,
)  # fmt: skip
CHURN_SCORE = Step(
    "score", "models", ("-m", "spark_ml.churn.score", "--run-id", Value.RUN_ID),
    "Score today's customers with the champion and write the scores to Iceberg.",
    minutes=60,
)  # fmt: skip
CHURN_WRITE_BACK = Step(
    "write_scores_back", "spark", ("-m", "spark_ml.write_back", "--run-id", Value.RUN_ID, "--results", "churn"),
    "Copy the run's scores from Iceberg to ClickHouse.",
    minutes=30, result="churn_scores",
)  # fmt: skip
CHURN_STEPS = (
    CHURN_FEATURES_STEP, CHURN_GATE, CHURN_TRAIN, CHURN_EVALUATE, CHURN_REGISTER, CHURN_SCORE, CHURN_WRITE_BACK,
)  # fmt: skip


def freeze(mart: ExportedMart) -> Step:
    """Copies one mart to Iceberg as a run's input."""
    return Step(
        f"freeze_{mart.name}", "spark",
        ("-m", "lakehouse.export", "--run-id", Value.RUN_ID, "--as-of", Value.AS_OF, "--mart", mart.name),
        f"Copy {mart.name} to Iceberg; the run reads it at this snapshot.",
        minutes=60,
    )  # fmt: skip


def write_back(results: str) -> Step:
    """Copies a run's results to ClickHouse."""
    return Step(
        f"write_{results}_back", "spark", ("-m", "spark_ml.write_back", "--run-id", Value.RUN_ID, "--results", results),
        f"Copy the run's {results} from Iceberg to ClickHouse.",
        minutes=30,
    )  # fmt: skip


LIFETIME_STEPS = (
    freeze(CLV_SUMMARY),
    freeze(CHURN_FEATURES),
    Step(
        "lifetime_values", "models", ("-m", "spark_ml.lifetime.value", "--run-id", Value.RUN_ID),
        "Fit BG/NBD and Gamma-Gamma, judge them on a holdout, foretell purchases and value of each customer.",
        minutes=60,
    ),
    write_back("lifetime"),
)  # fmt: skip
CART_STEPS = (
    freeze(CART_SESSIONS),
    Step(
        "cart_abandonment", "models", ("-m", "spark_ml.carts.abandonment", "--run-id", Value.RUN_ID),
        "Fit XGBoost to finished sessions with a cart, judge it on later days, explain each session.",
        minutes=60,
    ),
    write_back("carts"),
)  # fmt: skip

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


def pipeline_day(run_after: datetime, scheduled: bool) -> date:
    """The UTC day that a run of the pipeline describes where none is given: its own, or, scheduled for midnight, the day that has
    just ended. The next has hardly begun, and every window of days would lack one.
    """
    return (run_after - timedelta(microseconds=1) if scheduled else run_after).date()


def churn_day(run_after: datetime, scheduled: bool) -> date:
    """The same of the churn model, whose scheduled runs take the marts of the midnight before."""
    return run_after.date() - timedelta(days=1) if scheduled else run_after.date()


def frozen_values(label: str, started: date, as_of: str | None, k_min: int, k_max: int) -> dict[Value, str]:
    """The run's values: the same whenever they are asked for.

    ``label`` is the trigger's name for the run. Without ``as_of`` the cutoff is the end of ``started``, a UTC day.
    ValueError names a value that cannot be used.
    """
    run = _run_and_day(label, started, as_of)
    if not K_BOUNDS[0] <= k_min <= k_max <= K_BOUNDS[1]:
        raise ValueError(f"k_min={k_min}, k_max={k_max}: expected {K_BOUNDS[0]} <= k_min <= k_max <= {K_BOUNDS[1]}")
    return run | {Value.K_MIN: str(k_min), Value.K_MAX: str(k_max)}


@dataclass(frozen=True)
class ChurnParameters:
    """What a run of the churn model may be given; money in the contracts' currency."""

    trials: int = churn.SEARCH_TRIALS
    customer_value: float = churn.CUSTOMER_VALUE
    offer_cost: float = churn.OFFER_COST
    offer_success: float = churn.OFFER_SUCCESS
    margin: float = churn.CHAMPION_MARGIN
    accept_drift: bool = False

    def problems(self) -> list[str]:
        """What cannot be used, in words."""
        checks = (
            (0 <= self.trials <= 500, f"trials={self.trials}: expected 0 to 500"),
            (self.customer_value > 0, f"customer_value={self.customer_value}: expected more than 0"),
            (self.offer_cost >= 0, f"offer_cost={self.offer_cost}: expected 0 or more"),
            (0 < self.offer_success <= 1, f"offer_success={self.offer_success}: expected a share above 0, up to 1"),
            (0 <= self.margin < 0.5, f"margin={self.margin}: expected 0 to less than 0.5"),
        )
        return [words for fine, words in checks if not fine]


def frozen_churn_values(label: str, started: date, as_of: str | None, given: ChurnParameters) -> dict[Value, str]:
    """As ``frozen_values``, of a run of the churn model."""
    if problems := given.problems():
        raise ValueError("; ".join(problems))
    return _run_and_day(label, started, as_of) | {
        Value.TRIALS: str(given.trials),
        Value.CUSTOMER_VALUE: str(given.customer_value),
        Value.OFFER_COST: str(given.offer_cost),
        Value.OFFER_SUCCESS: str(given.offer_success),
        Value.MARGIN: str(given.margin),
        Value.ACCEPT_DRIFT: "yes" if given.accept_drift else "no",
    }


def _run_and_day(label: str, started: date, as_of: str | None) -> dict[Value, str]:
    try:
        day = date.fromisoformat(as_of) if as_of else started
    except ValueError:
        raise ValueError(f"as_of {as_of!r} is not a day of the form YYYY-MM-DD") from None
    return {Value.RUN_ID: run_id(label, day), Value.AS_OF: day.isoformat()}


def run_id(label: str, day: date) -> str:
    """A name for paths, objects and SQL; labels that differ give ids that differ."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", label).strip("-")[:60].lower() or "run"
    digest = hashlib.sha256(label.encode()).hexdigest()[:8]
    return check_run_id(f"{readable}-{digest}.{day:%Y%m%d}")

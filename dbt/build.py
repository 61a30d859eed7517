"""Build and test the warehouse: ``dbt/build.py --as-of YYYY-MM-DD|"" [--select …]``, run by path with dbt's own Python.

Sets dbt's environment from the settings and its variables from the contracts, runs ``dbt build``, prints a line per model and
writes ``VAR_DIR/dbt/summary.json``. The exit code is 1 where a model, a test or the run itself failed.
"""

import argparse
import gc
import json
import os
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt_common.events.base_types import EventMsg

PROJECT = Path(__file__).resolve().parent
sys.path.insert(0, str(PROJECT.parent))

from contracts import churn, events, experiments  # noqa: E402
from contracts.ops import BUILD_NODES, BUILDS, OpsTable  # noqa: E402
from contracts.settings import Settings, SettingsError, settings  # noqa: E402
from contracts.tables import LAYER_DATABASES, MARTS_DATABASE  # noqa: E402

PASSED = ("success", "pass")


class BuildError(Exception):
    """The build cannot start, or did not end well; the message says why."""


@dataclass(frozen=True)
class NodeResult:
    """What became of one model or test. ``rows`` is None for a view or a test."""

    name: str
    kind: str
    layer: str
    status: str
    seconds: float
    failures: int
    message: str
    rows: int | None = None


def as_of_day(text: str, today: date) -> date:
    """The day whose end the marts describe; BuildError for what is no day or has not come."""
    if not text:
        return today
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    # fromisoformat also reads 20240203 and 2024-W05-6.
    if day is None or day.isoformat() != text:
        raise BuildError(f"AS_OF={text!r} is not a date: write it as YYYY-MM-DD")
    if day > today:
        raise BuildError(f"AS_OF={text} has not come yet: today is {today} (UTC)")
    return day


def minutes(config: Settings, name: str, default: int) -> int:
    """A span of at least one minute; BuildError names a setting that is none."""
    span = config.number(name, default)
    if span < 1:
        raise BuildError(f"{name}={span} must be at least 1")
    return span


def variables(config: Settings, as_of: str, day: date, started: datetime) -> dict[str, object]:
    """dbt's variables: the cutoff of this build, and the contracts' names that the models need."""
    cutoff = datetime.combine(day + timedelta(days=1), time(), UTC)
    # The marts ask it of ends of days only. To the second it would differ with every build, and whenever a variable differs dbt
    # parses its whole project anew.
    known_until = min(cutoff, datetime.combine(started.date(), time(), UTC))
    return {
        "as_of": as_of,
        "as_of_day": day.isoformat(),
        "cutoff": moment(cutoff),
        "known_until": moment(known_until),
        "session_gap_minutes": minutes(config, "SESSION_GAP_MINUTES", 30),
        "funnel_window_minutes": minutes(config, "FUNNEL_WINDOW_MINUTES", 7 * 24 * 60),
        "churn_label_days": churn.LABEL_DAYS,
        "churn_windows": list(churn.FEATURE_WINDOWS),
        "churn_cutoffs": [cutoff.isoformat() for cutoff in churn.feature_cutoffs(day)],
        "churn_horizons": list(churn.AUDIT_HORIZONS),
        "churn_returns": list(churn.AUDIT_RETURNS),
        "churn_audit_cutoffs": [cutoff.isoformat() for cutoff in churn.audit_cutoffs(day)],
        "experiment_buckets": experiments.BUCKETS,
        "control": experiments.CONTROL,
        "funnel_steps": list(events.FUNNEL_STEPS),
        "web_event_types": list(events.WEB_EVENT_TYPES),
        "purchase_statuses": list(events.PURCHASE_STATUSES),
        "refunded_statuses": list(events.REFUNDED_STATUSES),
        "devices": list(events.DEVICES),
        "unknown": events.UNKNOWN,
        "currency": events.CURRENCY,
        "superset_url": config.public_url("SUPERSET"),
    }


def moment(when: datetime) -> str:
    """As ClickHouse reads it, UTC, whole seconds."""
    return f"{when:%Y-%m-%d %H:%M:%S}"


def environment(config: Settings) -> dict[str, str]:
    """What profiles.yml reads."""
    address = urlsplit(config.url("CLICKHOUSE"))
    account = config.clickhouse
    secure = address.scheme == "https"
    return {
        "DBT_CLICKHOUSE_HOST": address.hostname or "",
        "DBT_CLICKHOUSE_PORT": str(address.port or (8443 if secure else 8123)),
        "DBT_CLICKHOUSE_SECURE": str(secure),
        "DBT_CLICKHOUSE_USER": account.user,
        "DBT_ENV_SECRET_CLICKHOUSE_PASSWORD": account.password,
        "DBT_CLICKHOUSE_DATABASE": MARTS_DATABASE,
        "DBT_THREADS": str(config.number("DBT_THREADS", 2)),
        "DBT_MAX_THREADS": str(config.number("DBT_MAX_THREADS", 2)),
        "DBT_SPILL_BYTES": str(config.number("DBT_SPILL_BYTES", 250_000_000)),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def arguments(
    command: Sequence[str], dbt_variables: Mapping[str, object], var: Path, target: Path, log_level: str = "info"
) -> list[str]:
    """The command line of dbt, which its runner takes as a list."""
    return [
        *("--no-use-colors", "--log-level", "none", "--log-level-file", log_level, "--log-path", str(var / "logs")),
        *(*command, "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(target), *parsed(var)),
        *("--vars", json.dumps(dbt_variables)),
    ]


def parsed(var: Path) -> list[str]:
    """Where the last build left what it read of the project: a command with the same variables need not read it again."""
    file = var / "target" / "partial_parse.msgpack"
    return ["--partial-parse-file-path", str(file)] if file.exists() else []


def show_progress(event: "EventMsg") -> None:
    """One line for each model when it is built, for each test that does not pass, and for what dbt warns of besides."""
    data = event.data
    if event.info.name == "LogModelResult":
        print(f"  {data.index:>3}/{data.total}  {data.status:<8} {data.execution_time:7.2f} s  {data.description}")
    elif event.info.name == "LogTestResult" and data.status != "pass":
        print(f"  {data.index:>3}/{data.num_models}  {data.status:<8} test {data.name}")
    elif event.info.level == "warn" and not hasattr(data, "node_info"):
        print(f"  {event.info.msg}")
    sys.stdout.flush()


def node_results(result: "dbtRunnerResult") -> list[NodeResult]:
    """The runner's results as plain values; BuildError where dbt did not get so far."""
    if result.exception is not None:
        raise BuildError(f"dbt: {result.exception}")
    return [
        NodeResult(
            name=node.node.name,
            kind=str(node.node.resource_type),
            layer=node.node.schema if node.node.resource_type == "model" else "",
            status=str(node.status),
            seconds=round(node.execution_time, 3),
            failures=node.failures or 0,
            message="" if node.status in PASSED else (node.message or "").strip(),
        )
        for node in result.result
        # Nothing is built for a dashboard.
        if str(node.node.resource_type) != "exposure"
    ]


@contextmanager
def warehouse(config: Settings) -> Iterator[Client]:
    address = urlsplit(config.url("CLICKHOUSE"))
    client = clickhouse_connect.get_client(
        dsn=f"{address.scheme}://{address.netloc}", username=config.clickhouse.user, password=config.clickhouse.password
    )
    try:
        yield client
    finally:
        client.close()


def table_rows(client: Client) -> dict[tuple[str, str], int]:
    """Rows of each table of the layers. Counted: the system's own figure includes rows that are marked as deleted."""
    query = "SELECT database, name FROM system.tables WHERE database IN {layers:Array(String)} AND total_rows IS NOT NULL"
    tables = client.query(query, parameters={"layers": list(LAYER_DATABASES)}).result_rows
    counts = " UNION ALL ".join(f"SELECT '{database}', '{name}', count() FROM {database}.{name}" for database, name in tables)
    return {(database, name): count for database, name, count in client.query(counts).result_rows} if tables else {}


def keep(client: Client, report: Mapping, nodes: Sequence[NodeResult], started: datetime) -> None:
    """Add the build to the tables that the dashboard of the pipeline reads."""
    identity = {"build_id": uuid.uuid4().hex, "started_at": started}
    counts = {f"{kind}_{state}": count for kind in ("models", "tests") for state, count in report[kind].items()}
    build = {
        **identity, **counts,
        "as_of_day": date.fromisoformat(report["as_of_day"]), "seconds": report["seconds"], "is_ok": int(report["ok"]),
    }  # fmt: skip
    insert(client, BUILDS, [build])
    insert(client, BUILD_NODES, [{**identity, **asdict(node), "row_count": node.rows} for node in nodes])


def insert(client: Client, table: OpsTable, rows: Sequence[Mapping]) -> None:
    names = [column.name for column in table.columns]
    client.insert(table.qualified, [[row[name] for name in names] for row in rows], column_names=names)


def with_rows(nodes: Sequence[NodeResult], rows: Mapping[tuple[str, str], int]) -> list[NodeResult]:
    return [NodeResult(**{**asdict(node), "rows": rows.get((node.layer, node.name))}) for node in nodes]


def summary(
    nodes: Sequence[NodeResult], dbt_variables: Mapping[str, object], started: datetime, ended: datetime
) -> dict[str, object]:
    models = [node for node in nodes if node.kind == "model"]
    tests = [node for node in nodes if node.kind != "model"]
    return {
        "as_of": dbt_variables["as_of"],
        "as_of_day": dbt_variables["as_of_day"],
        "started_at": started.isoformat(timespec="milliseconds"),
        "seconds": round((ended - started).total_seconds(), 3),
        "models": {
            "built": sum(node.status in PASSED for node in models),
            "failed": sum(node.status == "error" for node in models),
            "skipped": sum(node.status == "skipped" for node in models),
        },
        "tests": {
            "passed": sum(node.status in PASSED for node in tests),
            "warned": sum(node.status == "warn" for node in tests),
            "failed": sum(node.status in ("fail", "error") for node in tests),
            "skipped": sum(node.status == "skipped" for node in tests),
        },
        "ok": all(node.status in (*PASSED, "warn") for node in nodes),
        "nodes": [asdict(node) for node in nodes],
    }


def print_summary(report: Mapping, nodes: Sequence[NodeResult]) -> None:
    print(f"\n  {'model':<40} {'rows':>12} {'seconds':>9}")
    for node in (node for node in nodes if node.kind == "model" and node.status in PASSED):
        rows = "view" if node.rows is None else f"{node.rows:,}"
        print(f"  {node.layer + '.' + node.name:<40} {rows:>12} {node.seconds:>9.2f}")
    for node in nodes:
        if node.status not in (*PASSED, "skipped"):
            print(f"\n  {node.status}: {node.kind} {node.name}: {node.message}")
    for title in ("models", "tests"):
        print(f"  {title}: " + ", ".join(f"{count} {state}" for state, count in report[title].items()))
    print(f"  as known at the end of {report['as_of_day']} (UTC), {report['seconds']:.1f} s")


def build(config: Settings, as_of: str, select: Sequence[str], target: Path | None, unit_tests: bool, full: bool) -> bool:
    """Run dbt; True where every model was built and no test failed."""
    started = datetime.now(UTC)
    day = as_of_day(as_of, started.date())
    dbt_variables = variables(config, as_of, day, started)
    os.environ.update(environment(config))
    var = config.var / "dbt"
    var.mkdir(parents=True, exist_ok=True)
    print(f"dbt build, as known at the end of {day} (UTC)", flush=True)
    # Takes seconds: what is wrong with the arguments has been said by now.
    from dbt.cli.main import dbtRunner

    runner = dbtRunner(callbacks=[show_progress])
    command = ["build", "--use-fast-test-edges", *(["--select", *select] if select else [])]
    if full:
        command += ["--full-refresh"]
    if not unit_tests:
        command += ["--exclude-resource-type", "unit_test"]
    # No log: for that dbt words everything that happens, also what the log leaves out.
    nodes = node_results(runner.invoke(arguments(command, dbt_variables, var, target or var / "target", log_level="none")))
    if not nodes:
        raise BuildError(f"nothing is selected by {' '.join(select)!r}")
    with warehouse(config) as client:
        nodes = with_rows(nodes, table_rows(client))
        report = summary(nodes, dbt_variables, started, datetime.now(UTC))
        keep(client, report, nodes, started)
    (var / "summary.json").write_text(json.dumps(report, indent=2) + "\n")
    print_summary(report, nodes)
    return bool(report["ok"])


def main() -> int:
    parser = argparse.ArgumentParser(description="Build and test the warehouse's staging, intermediate and marts.")
    parser.add_argument("--as-of", default="", help="YYYY-MM-DD: as known at the end of that day (UTC); empty: today")
    parser.add_argument("--select", nargs="+", default=[], help="dbt's node selection, for example fct_sessions+")
    parser.add_argument("--target-dir", type=Path, help="where dbt writes what it compiles (default VAR_DIR/dbt/target)")
    parser.add_argument(
        "--unit-tests", action="store_true", help="dbt's unit tests too: over rows of their own, which no new data changes"
    )
    parser.add_argument("--full-refresh", action="store_true", help="every row anew, also of unchanged customers")
    options = parser.parse_args()
    # What dbt makes it keeps to its end: looking through all of it for what could go took a tenth of its time.
    gc.disable()
    try:
        given = (options.select, options.target_dir, options.unit_tests, options.full_refresh)
        ok = build(settings(), options.as_of.strip(), *given)
        return 0 if ok else 1
    except (BuildError, SettingsError) as error:
        print(f"build: {error}", file=sys.stderr)
        return 1
    finally:
        # Or Python looks through all of its objects once more before it ends (0.6 s).
        gc.freeze()


if __name__ == "__main__":
    sys.exit(main())

"""The dbt project as files: every mart states and tests its grain and its columns, and takes its names from the contracts."""

import importlib.util
import re
import sys
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from contracts import churn, render_dbt
from contracts.events import FUNNEL_STEPS, PURCHASE_STATUSES, WEB_EVENT_TYPES
from contracts.lake import EXPORTED_MARTS
from contracts.ml import SEGMENT_FEATURES
from contracts.settings import ROOT, Settings

DBT = ROOT / "dbt"
STARTED = datetime(2024, 6, 1, 9, 30, 15, 999, tzinfo=UTC)
MODELS = sorted((DBT / "models").rglob("*.sql"))
MARTS = sorted((DBT / "models" / "marts").glob("*.sql"))
SQL = [*MODELS, *sorted((DBT / "tests").rglob("*.sql")), *sorted((DBT / "macros").rglob("*.sql"))]
YAML = sorted((DBT / "models").rglob("*.yml"))


def described() -> dict[str, dict]:
    files = [yaml.safe_load(path.read_text()) for path in YAML]
    return {model["name"]: model for file in files for model in file.get("models", [])}


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """dbt/build.py, which is run by path."""
    spec = importlib.util.spec_from_file_location("dbt_build", DBT / "build.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def names(path: Path) -> str:
    return path.stem


def test_there_is_something_to_check() -> None:
    assert len(MARTS) >= 10
    assert len(MODELS) > len(MARTS)


def test_sources_are_rendered() -> None:
    committed = (DBT / "models" / "staging" / "_sources.yml").read_text()
    assert committed == render_dbt.sources_yaml()
    tables = [table["name"] for source in yaml.safe_load(committed)["sources"] for table in source["tables"]]
    assert {"web_events", "purchase_events", "customers", "purchases", "customer_segments"} <= set(tables)


def test_marts_have_enforced_contracts() -> None:
    project = yaml.safe_load((DBT / "dbt_project.yml").read_text())
    marts = project["models"][project["name"]]["marts"]
    assert marts["+contract"] == {"enforced": True}
    assert marts["+materialized"] == "table"


@pytest.mark.parametrize("path", MODELS, ids=names)
def test_model_is_described(path: Path) -> None:
    model = described()[path.stem]
    assert re.match(r"One row\b", model["description"].strip()), "the description starts with the grain"
    assert model["columns"]
    for column in model["columns"]:
        assert column["description"].strip().endswith("."), column["name"]


@pytest.mark.parametrize("path", MARTS, ids=names)
def test_grain_is_tested(path: Path) -> None:
    model = described()[path.stem]
    keys = [column["name"] for column in model["columns"] if "unique" in column.get("data_tests", [])]
    tests = [next(iter(test)) if isinstance(test, dict) else test for test in model.get("data_tests", [])]
    assert keys or "grain" in tests


@pytest.mark.parametrize("path", MARTS, ids=names)
def test_columns_have_types_that_the_lake_knows(path: Path) -> None:
    """Iceberg has no unsigned integers, and Parquet writes ClickHouse's two-byte Date as a number."""
    for column in described()[path.stem]["columns"]:
        kind = column["data_type"]
        assert "UInt" not in kind, column["name"]
        assert kind != "Date", column["name"]
        if "DateTime" in kind:
            assert "'UTC'" in kind, column["name"]


def test_no_description_without_a_model() -> None:
    assert set(described()) == {path.stem for path in MODELS}


@pytest.mark.parametrize("mart", EXPORTED_MARTS, ids=lambda mart: mart.name)
def test_exported_marts_have_their_key(mart) -> None:
    columns = {column["name"]: column for column in described()[mart.name]["columns"]}
    assert len(mart.key) == 1
    assert {"unique", "not_null"} <= {test for test in columns[mart.key[0]]["data_tests"] if isinstance(test, str)}


def test_features_of_the_models_are_columns() -> None:
    assert {feature.name for feature in SEGMENT_FEATURES} <= {
        column["name"] for column in described()["customer_features"]["columns"]
    }


def test_funnel_has_the_steps_of_the_contract() -> None:
    columns = [column["name"] for column in described()["funnel_daily"]["columns"]]
    for prefix in ("reached_", "sessions_to_", "customers_to_"):
        assert [name for name in columns if name.startswith(prefix)] == [f"{prefix}{step}" for step in FUNNEL_STEPS]


def test_event_types_are_those_of_the_contract() -> None:
    used = {name for path in SQL for name in re.findall(r"event_type = '(\w+)'", path.read_text())}
    assert used
    assert used <= set(WEB_EVENT_TYPES)


@pytest.mark.parametrize("path", SQL, ids=names)
def test_states_come_from_variables(path: Path) -> None:
    """Which states bring no revenue is said once, in the contracts."""
    assert not re.findall(rf"'({'|'.join(PURCHASE_STATUSES)})'", path.read_text())


def test_every_variable_is_passed(build: ModuleType) -> None:
    used = {name for path in [*SQL, *YAML] for name in re.findall(r"var\([\"'](\w+)[\"']\)", path.read_text())}
    used -= {name for path in SQL for name in re.findall(r"var\((\w+)\)", path.read_text())}
    passed = set(build.variables(Settings({}), "", date(2026, 1, 1), STARTED))
    assert used
    assert used <= passed
    vocabularies = {name for path in YAML for name in re.findall(r"vocabulary: (\w+)", path.read_text())}
    assert vocabularies
    assert vocabularies <= passed


def test_every_environment_variable_is_set(build: ModuleType) -> None:
    used = set(re.findall(r"env_var\('(\w+)'\)", (DBT / "profiles.yml").read_text()))
    assert used
    assert used <= set(build.environment(Settings({"CLICKHOUSE_PASSWORD": "of-a-test"})))


def test_address_may_be_a_server_of_its_own(build: ModuleType) -> None:
    found = build.environment(Settings({"CLICKHOUSE_PASSWORD": "of-a-test", "CLICKHOUSE_URL": "https://warehouse.example:8443"}))
    assert (found["DBT_CLICKHOUSE_HOST"], found["DBT_CLICKHOUSE_PORT"], found["DBT_CLICKHOUSE_SECURE"]) == (
        "warehouse.example",
        "8443",
        "True",
    )


def test_cutoff_is_the_end_of_the_day(build: ModuleType) -> None:
    found = build.variables(Settings({}), "2024-02-29", date(2024, 2, 29), STARTED)
    assert (found["as_of_day"], found["cutoff"]) == ("2024-02-29", "2024-03-01 00:00:00")


def test_what_is_not_over_is_not_known(build: ModuleType) -> None:
    """The as-of day of today goes on after the build has started; an older one is over. Builds of one day are told the same."""
    today = build.variables(Settings({}), "", date(2024, 6, 1), STARTED)
    assert (today["cutoff"], today["known_until"]) == ("2024-06-02 00:00:00", "2024-06-01 00:00:00")
    assert today == build.variables(Settings({}), "", date(2024, 6, 1), STARTED + timedelta(hours=14))
    yesterday = build.variables(Settings({}), "2024-05-31", date(2024, 5, 31), STARTED)
    assert yesterday["known_until"] == yesterday["cutoff"] == "2024-06-01 00:00:00"


def test_labels_of_older_cutoffs_have_passed() -> None:
    newest, *older = churn.feature_cutoffs(date(2024, 6, 1))
    assert newest == date(2024, 6, 1)
    assert len(older) == churn.LABELLED_CUTOFFS
    assert older[0] + timedelta(days=1 + churn.LABEL_DAYS) == date(2024, 6, 1), "its last day is over when the as-of day begins"
    assert {earlier - later for earlier, later in pairwise(older)} == {timedelta(days=churn.CUTOFF_STEP_DAYS)}


def test_window_must_be_a_time(build: ModuleType) -> None:
    with pytest.raises(build.BuildError, match="FUNNEL_WINDOW_MINUTES=0"):
        build.variables(Settings({"FUNNEL_WINDOW_MINUTES": "0"}), "", date(2024, 1, 1), STARTED)


def test_a_build_ends_with_its_description() -> None:
    """It depends on every other mart, so that a build that fails on its way leaves the description of the one before."""
    named = set(re.findall(r"ref\('(\w+)'\)", (DBT / "models" / "marts" / "build_info.sql").read_text()))
    assert {path.stem for path in MARTS} - {"build_info"} <= named


def test_gap_must_be_a_time(build: ModuleType) -> None:
    with pytest.raises(build.BuildError, match="SESSION_GAP_MINUTES=0"):
        build.variables(Settings({"SESSION_GAP_MINUTES": "0"}), "", date(2024, 1, 1), STARTED)


@pytest.mark.parametrize("text", ["2024-02-30", "2024-2-3x", "24-02-03", "2024-2-3", "20240203", "yesterday", "2024-06-02"])
def test_a_day_that_is_none_is_refused(build: ModuleType, text: str) -> None:
    with pytest.raises(build.BuildError, match="AS_OF="):
        build.as_of_day(text, today=date(2024, 6, 1))


def test_no_day_is_today(build: ModuleType) -> None:
    assert build.as_of_day("", today=date(2024, 6, 1)) == date(2024, 6, 1)
    assert build.as_of_day("2024-06-01", today=date(2024, 6, 1)) == date(2024, 6, 1)


def test_the_password_is_not_an_argument(build: ModuleType) -> None:
    known = build.variables(Settings({"CLICKHOUSE_PASSWORD": "of-a-test"}), "", date(2024, 1, 1), STARTED)
    line = build.arguments(["build", "--select", "fct_sessions+"], known, Path("var"), Path("target"))
    assert "of-a-test" not in " ".join(line)
    at = line.index("build")
    assert line[at : at + 3] == ["build", "--select", "fct_sessions+"]


def test_a_failed_test_fails_the_report(build: ModuleType) -> None:
    node = build.NodeResult("a", "model", "marts", "success", 1.0, 0, "")
    failed = build.NodeResult("b", "test", "", "fail", 1.0, 3, "3 rows")
    warned = build.NodeResult("c", "test", "", "warn", 1.0, 1, "1 row")
    known = build.variables(Settings({}), "", date(2024, 1, 1), STARTED)
    now = build.datetime.now(build.UTC)
    assert build.summary([node, warned], known, now, now)["ok"]
    report = build.summary([node, failed, warned], known, now, now)
    assert not report["ok"]
    assert report["tests"] == {"passed": 0, "warned": 1, "failed": 1, "skipped": 0}

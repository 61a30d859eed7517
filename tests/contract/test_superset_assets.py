"""The dashboards' YAML against the tables that they read: a column that is renamed in one place fails here."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from contracts.events import CURRENCY, FUNNEL_STEPS
from contracts.ml import ML_TABLES
from contracts.ops import OPS_TABLES
from contracts.settings import ROOT
from contracts.tables import INGESTED, LIVE_TABLES, MARTS_DATABASE, ML_DATABASE, OPS_DATABASE, RAW_DATABASE, RAW_TABLES
from runner.superset_client import DASHBOARDS, dimensions

ASSETS = ROOT / "superset" / "assets"
MARTS = ROOT / "dbt" / "models" / "marts"
KINDS = ("databases", "datasets", "charts", "dashboards")
# The words of the datasets' SQL that are neither columns nor tables.
SQL_WORDS = {
    *("select", "from", "join", "cross", "on", "where", "and", "as", "values", "final", "interval", "array", "union", "all"),
    *("case", "when", "then", "else", "end", "at", "time", "zone", "epoch"),
    *("now", "max", "argMax", "toNullable", "dateDiff", "formatDateTime", "extract", "to_char", "date_trunc"),
}  # fmt: skip
# What the datasets' SQL computes.
SQL_ALIASES = {
    *("funnel", "depth", "step", "reached", "customers", "cohort", "hour_of_day", "day_name", "stream_name", "seconds_behind"),
    *("hop", "newest_event_at", "arrived_at", "minutes_behind"),
}  # fmt: skip
SCHEMAS = {"live", MARTS_DATABASE, ML_DATABASE, OPS_DATABASE, RAW_DATABASE}


def read(kind: str) -> dict[str, dict]:
    return {str(file.relative_to(ASSETS)): yaml.safe_load(file.read_text()) for file in sorted((ASSETS / kind).rglob("*.yaml"))}


@pytest.fixture(scope="module")
def assets() -> dict[str, dict[str, dict]]:
    found = {kind: read(kind) for kind in KINDS}
    for kind, files in found.items():
        assert files, f"no {kind} in {ASSETS}"
    return found


@pytest.fixture(scope="module")
def tables() -> dict[str, set[str]]:
    """Columns by schema.table: the live tables and the models' results of the contracts, the marts as dbt documents them."""
    contracts = (*LIVE_TABLES, *ML_TABLES, *OPS_TABLES, *RAW_TABLES)
    known = {table.qualified: {INGESTED, *(column.name for column in table.columns)} for table in contracts}
    for file in sorted(MARTS.glob("*.yml")):
        for model in yaml.safe_load(file.read_text()).get("models", ()):
            known[f"{MARTS_DATABASE}.{model['name']}"] = {column["name"] for column in model["columns"]}
    for schema in SCHEMAS:
        assert any(name.startswith(f"{schema}.") and columns for name, columns in known.items()), f"no table of {schema} was read"
    return known


@pytest.fixture(scope="module")
def datasets(assets: dict) -> dict[str, dict]:
    return {dataset["uuid"]: dataset for dataset in assets["datasets"].values()}


def sources(dataset: dict) -> list[str]:
    """Tables that a dataset reads."""
    if not dataset.get("sql"):
        return [f"{dataset['schema']}.{dataset['table_name']}"]
    return re.findall(r"\b(?:from|join)\s+(\w+\.\w+)", dataset["sql"])


def words(expression: str) -> set[str]:
    """Identifiers of an SQL expression, without string literals and qualifiers."""
    return set(re.findall(r"\b[A-Za-z_]\w*\b(?!\s*\.)", re.sub(r"'[^']*'", "", expression)))


def test_ids_are_unique(assets: dict) -> None:
    ids = Counter(asset["uuid"] for files in assets.values() for asset in files.values())
    assert [each for each, count in ids.items() if count > 1] == []


def test_references_lead_somewhere(assets: dict) -> None:
    ids = {kind: {asset["uuid"] for asset in files.values()} for kind, files in assets.items()}
    for name, dataset in assets["datasets"].items():
        assert dataset["database_uuid"] in ids["databases"], name
    for name, chart in assets["charts"].items():
        assert chart["dataset_uuid"] in ids["datasets"], name
    for name, dashboard in assets["dashboards"].items():
        targets = [
            target for each in dashboard["metadata"]["native_filter_configuration"] for target in each["targets"] if target
        ]
        assert {target["datasetUuid"] for target in targets} <= ids["datasets"], name


def test_datasets_name_their_schema(assets: dict) -> None:
    """Without one Superset looks in the wrong place."""
    for name, dataset in assets["datasets"].items():
        assert dataset["schema"] in SCHEMAS, name


def test_dataset_columns_exist(datasets: dict, tables: dict) -> None:
    for dataset in datasets.values():
        read_from = sources(dataset)
        assert read_from, f"{dataset['table_name']}: no table in its SQL"
        assert set(read_from) <= tables.keys(), f"{dataset['table_name']} reads {read_from}"
        known = set().union(*(tables[each] for each in read_from)) | (SQL_ALIASES if dataset.get("sql") else set())
        columns = {column["column_name"] for column in dataset["columns"]}
        assert columns, dataset["table_name"]
        assert columns <= known, f"{dataset['table_name']}: {sorted(columns - known)} not in {read_from}"
        assert dataset["main_dttm_col"] in columns, dataset["table_name"]


def test_dataset_sql_names_existing_columns(datasets: dict, tables: dict) -> None:
    virtual = [dataset for dataset in datasets.values() if dataset.get("sql")]
    assert virtual
    for dataset in virtual:
        named = words(dataset["sql"]) - SQL_WORDS - SQL_ALIASES - {each.split(".")[1] for each in sources(dataset)}
        known = set().union(*(tables[each] for each in sources(dataset)))
        assert named <= known, f"{dataset['table_name']}: {sorted(named - known)}"


def test_metrics_name_columns_of_their_dataset(datasets: dict) -> None:
    functions = {"SUM", "COUNT", "MAX", "countIf", "sumIf", "nullIf", "AND", "IS", "NOT", "NULL"}
    for dataset in datasets.values():
        columns = {column["column_name"] for column in dataset["columns"]}
        for metric in dataset["metrics"]:
            where = f"{dataset['table_name']}.{metric['metric_name']}"
            assert words(metric["expression"]) - functions <= columns, where
            assert metric["metric_name"] not in columns, f"{where}: a column has the same name"
            assert metric.get("currency", {"symbol": CURRENCY})["symbol"] == CURRENCY, where


def columns_of(params: dict) -> set[str]:
    """Columns that a chart groups by, shows or filters on."""
    named = {params[key] for key in ("x_axis",) if params.get(key)}
    for key in ("groupby", "groupby_b", "all_columns"):
        named |= set(dimensions(params, key))
    for key in ("adhoc_filters", "adhoc_filters_b"):
        named |= {each["subject"] for each in params.get(key, ())}
    return named | {json.loads(each)[0] for each in params.get("order_by_cols", ())} | set(params.get("column_config", ()))


def metrics_of(params: dict) -> set[str]:
    return {params[key] for key in ("metric",) if params.get(key)} | {*params.get("metrics", ()), *params.get("metrics_b", ())}


def test_charts_use_columns_and_metrics_of_their_dataset(assets: dict, datasets: dict) -> None:
    for name, chart in assets["charts"].items():
        dataset, params = datasets[chart["dataset_uuid"]], chart["params"]
        assert params["viz_type"] == chart["viz_type"], name
        columns, metrics = columns_of(params), metrics_of(params)
        assert columns | metrics, f"{name} shows nothing"
        assert columns <= {column["column_name"] for column in dataset["columns"]}, name
        assert metrics <= {metric["metric_name"] for metric in dataset["metrics"]}, name


def test_every_chart_is_on_a_dashboard_under_its_name(assets: dict) -> None:
    charts = {chart["uuid"]: chart["slice_name"] for chart in assets["charts"].values()}
    placed = {}
    for name, dashboard in assets["dashboards"].items():
        position = {key: each for key, each in dashboard["position"].items() if isinstance(each, dict)}
        holders = [each for each in position.values() if each["type"] == "CHART"]
        numbers = [each["meta"]["chartId"] for each in holders]
        assert len(set(numbers)) == len(numbers) > 0, f"{name}: a chart without a number of its own is skipped in silence"
        reachable = {child for each in position.values() for child in each.get("children", ())}
        assert reachable <= position.keys(), name
        assert {each["id"] for each in holders} <= reachable, name
        placed |= {each["meta"]["uuid"]: each["meta"]["sliceName"] for each in holders}
    assert placed == charts


def test_rows_are_no_wider_than_the_grid(assets: dict) -> None:
    for name, dashboard in assets["dashboards"].items():
        position = dashboard["position"]
        for row in position["GRID_ID"]["children"]:
            assert sum(position[child]["meta"]["width"] for child in position[row]["children"]) <= 12, f"{name} {row}"


def test_live_dashboard_refreshes_itself(assets: dict) -> None:
    assert assets["dashboards"]["dashboards/live.yaml"]["metadata"]["refresh_frequency"] == 5


def test_dashboards_are_those_that_are_looked_at(assets: dict) -> None:
    """Each under its own name: its slug, its file, the folder of its charts."""
    assert {name: dashboard["slug"] for name, dashboard in assets["dashboards"].items()} == {
        f"dashboards/{name}.yaml": name for name in DASHBOARDS
    }
    folders = {chart["uuid"]: Path(name).parent.name for name, chart in assets["charts"].items()}
    for dashboard in assets["dashboards"].values():
        holders = [each for each in dashboard["position"].values() if isinstance(each, dict) and each["type"] == "CHART"]
        shown = {each["meta"]["uuid"] for each in holders}
        assert shown == {uuid for uuid, folder in folders.items() if folder == dashboard["slug"]}


def test_the_newest_live_rows_are_found_by_an_index(assets: dict) -> None:
    """Every live dataset is read by its time, every few seconds, from tables that grow."""
    leading = {table.qualified: {table.key[0], *table.indexes} for table in LIVE_TABLES}
    live = {name: dataset for name, dataset in assets["datasets"].items() if dataset["schema"] == "live"}
    assert live
    for name, dataset in live.items():
        for source in sources(dataset):
            assert dataset["main_dttm_col"] in leading[source], f"{name}: {source}"


def test_dashboards_are_exposures_of_what_they_read(assets: dict, datasets: dict) -> None:
    """So dbt's lineage ends where the numbers are looked at."""
    exposures = yaml.safe_load((MARTS.parent / "exposures.yml").read_text())["exposures"]
    documented = {each["url"].rstrip("/").rsplit("/", 1)[1]: set(each["depends_on"]) for each in exposures}
    read_by: dict[str, set[str]] = {dashboard["slug"]: set() for dashboard in assets["dashboards"].values()}
    for name, chart in assets["charts"].items():
        for schema, table in (source.split(".") for source in sources(datasets[chart["dataset_uuid"]])):
            if schema != "live":
                node = f"ref('{table}')" if schema == MARTS_DATABASE else f"source('{schema}', '{table}')"
                read_by[Path(name).parent.name].add(node)
    assert documented == read_by


def test_databases_hold_no_credentials(assets: dict) -> None:
    for name, database in assets["databases"].items():
        assert re.fullmatch(r"\$\{[A-Z_]+\}", database["sqlalchemy_uri"]), name
        assert database["extra"] == {}, f"{name}: the import fails without it"
        assert not (database["allow_dml"] or database["allow_ctas"] or database["allow_cvas"]), name


STEPS = [
    *("datasets/live/open_session_steps.yaml", "datasets/live/recent_session_steps.yaml"),
    *("datasets/history/funnel_steps.yaml", "datasets/history/customer_funnel_steps.yaml"),
]


@pytest.mark.parametrize("name", STEPS)
def test_funnels_have_the_steps_of_the_contract(assets: dict, name: str) -> None:
    """A session comes before its first view; a customer's funnel starts with it."""
    labels = re.findall(r"'([A-Z][a-z ]+)'", assets["datasets"][name]["sql"])
    past = {"view": "Viewed", "cart": "Carted", "checkout": "Checked out", "purchase": "Purchased"}
    assert len(labels) == len(FUNNEL_STEPS) + ("customer" not in name)
    assert labels[-len(FUNNEL_STEPS) :] == [past[step] for step in FUNNEL_STEPS]


def test_the_loader_fills_in_every_placeholder() -> None:
    loader = (ROOT / "superset" / "load.py").read_text()
    named = {
        name for file in (ASSETS / "databases").glob("*.yaml") for name in re.findall(r"\$\{(\w+)\}", Path(file).read_text())
    }
    assert named
    for name in named:
        assert f'"{name}"' in loader

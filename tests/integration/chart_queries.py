"""The dashboards' charts as SQL: what Superset would ask of the database, written from the same YAML."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from contracts.settings import ROOT
from runner.superset_client import queries

ASSETS = ROOT / "superset" / "assets"
OPERATORS = {"==": "=", "IN": "IN", ">": ">"}


@dataclass(frozen=True)
class ChartQuery:
    chart: str
    sql: str


def chart_queries(folder: str) -> Iterator[ChartQuery]:
    """Every query of the charts whose dataset lies in this folder: live (Postgres) or history (ClickHouse)."""
    datasets = {asset["uuid"]: asset for asset in read(ASSETS / "datasets" / folder)}
    for chart in read(ASSETS / "charts"):
        if dataset := datasets.get(chart["dataset_uuid"]):
            for query in queries(chart["params"]):
                yield ChartQuery(chart["slice_name"], sql(query, dataset))


def read(folder: Path) -> list[dict]:
    return [yaml.safe_load(file.read_text()) for file in sorted(folder.rglob("*.yaml"))]


def sql(query: dict, dataset: dict) -> str:
    expressions = {metric["metric_name"]: metric["expression"] for metric in dataset["metrics"]}
    columns = [each if isinstance(each, str) else each["sqlExpression"] for each in query["columns"]]
    metrics = [f'{expressions[name]} AS "{name}"' for name in query.get("metrics", ())]
    conditions = [condition(each) for each in query["filters"] if each["op"] != "TEMPORAL_RANGE"]
    source = f"({dataset['sql']}) AS dataset" if dataset.get("sql") else f"{dataset['schema']}.{dataset['table_name']}"
    parts = [f"SELECT {', '.join([*columns, *metrics])} FROM {source}"]
    parts += [f"WHERE {' AND '.join(conditions)}"] if conditions else []
    parts += [f"GROUP BY {', '.join(columns)}"] if metrics and columns else []
    orders = [f"{column} {'ASC' if ascending else 'DESC'}" for column, ascending in query["orderby"]]
    parts += [f"ORDER BY {', '.join(orders)}"] if orders else []
    return " ".join([*parts, f"LIMIT {query['row_limit']}"])


def condition(given: dict) -> str:
    value = given["val"]
    shown = f"({', '.join(map(literal, value))})" if isinstance(value, list) else literal(value)
    return f"{given['col']} {OPERATORS[given['op']]} {shown}"


def literal(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)

"""Ask Superset's REST API for the data of every chart of the dashboards: ``python -m runner.superset_client`` lists them.

The browser builds a chart's query from its settings; this does the same for the kinds of charts that the dashboards have.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import requests

from contracts.settings import settings

API = "/api/v1"
DASHBOARDS = ("live", "growth", "customers", "experiments", "pipeline")
REQUEST_SECONDS = 120
# Keys of a chart with two queries: those of the second end in this.
SECOND = "_b"

Params = Mapping[str, object]


class SupersetError(Exception):
    """Superset refused or is not there; the message says what was asked."""


@dataclass(frozen=True)
class ChartResult:
    """``rows`` with data of the chart's largest query; ``error`` is empty where all of them ran."""

    dashboard: str
    chart: str
    rows: int
    error: str = ""

    def __str__(self) -> str:
        return f"{self.dashboard} / {self.chart}: {self.error or f'{self.rows} rows'}"


class Superset:
    """One login."""

    def __init__(self, url: str = "", user: str = "admin", password: str = "") -> None:
        known = settings()
        self.url = (url or known.url("SUPERSET")).rstrip("/")
        self._session = requests.Session()
        login = {"username": user, "password": password or known.secret("SUPERSET_ADMIN_PASSWORD"), "provider": "db"}
        token = self._call("POST", "/security/login", login)["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def check_charts(self, dashboards: tuple[str, ...] = DASHBOARDS) -> list[ChartResult]:
        """Run the queries of every chart, in the order of the dashboards; a chart that fails is in the list with its error."""
        return [self._check(dashboard, chart) for dashboard in dashboards for chart in self.charts(dashboard)]

    def charts(self, dashboard: str) -> list[dict]:
        """Charts of a dashboard, by its slug. SupersetError where there is no such dashboard or it has none."""
        found = self._call("GET", f"/dashboard/{dashboard}/charts")["result"]
        if not found:
            raise SupersetError(f"Superset: the dashboard {dashboard} has no charts")
        return found

    def _check(self, dashboard: str, chart: dict) -> ChartResult:
        name, params = chart["slice_name"], chart["form_data"]
        dataset, kind = params["datasource"].split("__")
        body = {"datasource": {"id": int(dataset), "type": kind}, "queries": list(queries(params)), "force": True}
        try:
            answers = self._call("POST", "/chart/data", body)["result"]
        except SupersetError as error:
            return ChartResult(dashboard, name, 0, str(error))
        return ChartResult(dashboard, name, max(len(rows_with_data(answer["data"])) for answer in answers))

    def _call(self, method: str, path: str, body: object = None) -> dict:
        try:
            response = self._session.request(method, f"{self.url}{API}{path}", json=body, timeout=REQUEST_SECONDS)
        except requests.RequestException as error:
            raise SupersetError(f"Superset does not answer on {self.url}: {error}") from None
        if not response.ok:
            raise SupersetError(f"Superset: {method} {path}: {response.status_code} {response.text[:500]}")
        return response.json()


def queries(params: Params) -> Iterator[dict]:
    """The queries of a chart's settings."""
    yield query(params)
    if f"metrics{SECOND}" in params:
        yield query({**params, **{key.removesuffix(SECOND): value for key, value in params.items() if key.endswith(SECOND)}})


def query(params: Params) -> dict:
    raw = params.get("query_mode") == "raw"
    columns = [*axis(params), *dimensions(params, "all_columns" if raw else "groupby")]
    metrics = [params["metric"]] if params.get("metric") else list(params.get("metrics") or ())
    return {
        "columns": columns,
        **({} if raw else {"metrics": metrics}),
        "filters": [
            {"col": each["subject"], "op": each["operator"], "val": each["comparator"]}
            for each in params.get("adhoc_filters") or ()
        ],
        "orderby": [json.loads(each) for each in params.get("order_by_cols") or ()],
        "row_limit": params.get("row_limit") or params.get("server_page_length") or 1000,
    }


def dimensions(params: Params, key: str) -> list[str]:
    """Columns under a key, which some charts give as one name."""
    named = params.get(key) or ()
    return [named] if isinstance(named, str) else list(named)


def rows_with_data(rows: list[dict]) -> list[dict]:
    """A query without a dimension always gives one row: a total of nothing is no data."""
    return [row for row in rows if (any(row.values()) if len(row) == 1 else any(value is not None for value in row.values()))]


def axis(params: Params) -> list[dict]:
    """The column of the x axis, cut to the chart's grain of time where it has one."""
    column = params.get("x_axis")
    if not column:
        return []
    grain = {"timeGrain": params["time_grain_sqla"]} if params.get("time_grain_sqla") else {}
    return [{"columnType": "BASE_AXIS", "sqlExpression": column, "label": column, "expressionType": "SQL", **grain}]


def main() -> int:
    try:
        results = Superset().check_charts()
    except SupersetError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(str(each) for each in results))
    return 1 if any(each.error for each in results) else 0


if __name__ == "__main__":
    sys.exit(main())

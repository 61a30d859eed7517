"""Make the administrator, import the databases, datasets, charts and dashboards of ``superset/assets``, check that all are there.

Runs by path in Superset's environment. What is in the repository replaces what Superset has; a second run changes nothing.
Exit code 1 and one line on standard error where an asset is invalid or missing.
"""

import json
import logging
import string
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import yaml

from contracts.settings import Settings, settings

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User
    from superset.security import SupersetSecurityManager

ASSETS = Path(__file__).resolve().parent / "assets"
KINDS = ("databases", "datasets", "charts", "dashboards")
ADMIN = "admin"
# Stands for the password in an address; Superset is given the password itself beside it.
MASKED = "X" * 10


class LoadError(Exception):
    """The assets cannot be imported, or are not all there; the message names them."""


def read_assets() -> dict[str, str]:
    """Text of every file by its path below the folder."""
    return {str(file.relative_to(ASSETS)): file.read_text() for file in sorted(ASSETS.rglob("*.yaml"))}


def addresses(s: Settings) -> dict[str, str]:
    """Values of the placeholders in databases/*.yaml."""
    clickhouse = urlsplit(s.url("CLICKHOUSE"))
    secure = "?secure=true" if clickhouse.scheme == "https" else ""
    return {
        "LIVE_URI": f"postgresql+psycopg2://{s.postgres_account('bi').user}:{MASKED}@{s.address('POSTGRES')}/{s.postgres_database}",
        "HISTORY_URI": f"clickhousedb://{quote(s.clickhouse_bi.user, safe='')}:{MASKED}@{clickhouse.netloc}/default{secure}",
    }


def render(assets: dict[str, str], s: Settings) -> dict[str, str]:
    known = addresses(s)
    return {
        name: string.Template(text).substitute(known) if name.startswith("databases/") else text for name, text in assets.items()
    }


def passwords(s: Settings) -> dict[str, str]:
    return {"databases/live.yaml": s.postgres_account("bi").password, "databases/history.yaml": s.clickhouse_bi.password}


def import_assets(assets: dict[str, str], s: Settings) -> None:
    """One transaction: all of the assets or none."""
    from superset.commands.exceptions import CommandException
    from superset.commands.importers.v1.assets import ImportAssetsCommand

    try:
        ImportAssetsCommand(render(assets, s), passwords=passwords(s)).run()
    except CommandException as error:
        raise LoadError(f"the import failed: {_cause(error)}") from error


def _cause(error: Exception) -> str:
    """What Superset wraps: the files that do not fit its schemas, or the name that a reference did not find."""
    from superset.commands.exceptions import CommandInvalidError

    inner = error.__cause__ or error
    return str(inner.normalized_messages() if isinstance(inner, CommandInvalidError) else f"{type(inner).__name__} {inner}")


def missing(assets: dict[str, str]) -> list[str]:
    """What the files describe and Superset's own tables lack, a line each."""
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.core import Database
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    from superset import db

    models = dict(zip(KINDS, (Database, SqlaTable, Slice, Dashboard), strict=True))
    found = {kind: {str(each.uuid): each for each in db.session.query(model)} for kind, model in models.items()}
    lacking = []
    for name, text in assets.items():
        kind, asset = name.split("/")[0], yaml.safe_load(text)
        if kind not in models:
            continue
        stored = found[kind].get(asset["uuid"])
        if stored is None:
            lacking.append(name)
        elif kind == "datasets":
            lacking += _lacking_columns(name, asset, stored)
        elif kind == "dashboards":
            lacking += _lacking_charts(name, asset, stored)
    return lacking


def _lacking_columns(name: str, asset: dict, stored: object) -> list[str]:
    columns = {column.column_name for column in stored.columns}
    metrics = {metric.metric_name for metric in stored.metrics}
    lost = [each["column_name"] for each in asset["columns"] if each["column_name"] not in columns]
    lost += [each["metric_name"] for each in asset["metrics"] if each["metric_name"] not in metrics]
    return [f"{name}: {each}" for each in lost]


def _lacking_charts(name: str, asset: dict, stored: object) -> list[str]:
    """A dashboard shows a chart that it is linked to and that its layout places by the chart's own id."""
    linked = {str(chart.uuid): chart.id for chart in stored.slices}
    placed = {
        each["meta"].get("uuid"): each["meta"].get("chartId")
        for each in json.loads(stored.position_json or "{}").values()
        if isinstance(each, dict) and each.get("type") == "CHART"
    }
    charts = [each["meta"] for each in asset["position"].values() if isinstance(each, dict) and each["type"] == "CHART"]
    return [
        f"{name}: chart {chart['sliceName']}"
        for chart in charts
        if chart["uuid"] not in linked or placed.get(chart["uuid"]) != linked[chart["uuid"]]
    ]


def administrator(manager: "SupersetSecurityManager", s: Settings) -> "User":
    """The account, with the password that is configured now; made where it is missing. Superset's own command for it takes the
    password as an argument, which every process list shows."""
    password = s.secret("SUPERSET_ADMIN_PASSWORD")
    if found := manager.find_user(ADMIN):
        manager.reset_password(found.id, password)
        return found
    role = manager.find_role("Admin")
    if role is None:
        raise LoadError("Superset has no role Admin: was its database initialised?")
    if not (made := manager.add_user(ADMIN, "Admin", "User", "admin@localhost", role, password)):
        raise LoadError("Superset refused the administrator's account")
    return made


def load() -> dict[str, int]:
    """Number of assets of each kind. LoadError where one is invalid or not there afterwards."""
    from superset.app import create_app
    from superset.utils.core import override_user

    assets = read_assets()
    counts = {kind: sum(name.startswith(f"{kind}/") for name in assets) for kind in KINDS}
    if not all(counts.values()):
        raise LoadError(f"{ASSETS}: nothing of the kind {', '.join(kind for kind, count in counts.items() if not count)}")
    app = create_app()
    with app.app_context(), override_user(administrator(app.appbuilder.sm, settings())):
        import_assets(assets, settings())
        lacking = missing(assets)
    if lacking:
        raise LoadError(f"not in Superset after the import: {'; '.join(lacking)}")
    return counts


def main() -> int:
    logging.basicConfig(level=logging.WARNING)
    try:
        counts = load()
    except LoadError as error:
        print(f"superset: {error}", file=sys.stderr)
        return 1
    print("superset: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

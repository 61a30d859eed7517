"""ClickHouse: the embedded engine behind its HTTP interface, a server binary where there is one, or one elsewhere."""

import shutil
from pathlib import Path

from contracts.settings import Settings
from runner import probes
from runner.service import Page, Part, Service, Step
from runner.tools import python


def service(s: Settings) -> Part:
    """Where CLICKHOUSE_URL names a server elsewhere, only the wait for it."""
    if s.values.get("CLICKHOUSE_URL"):
        return Step(
            "clickhouse", probes.until(probes.clickhouse, f"ClickHouse at {s.url('CLICKHOUSE')}"), check=probes.clickhouse
        )
    native = bool(shutil.which("clickhouse"))
    interpreter = python("core" if native else "clickhouse")
    return Service(
        name="clickhouse",
        command=(interpreter, "-m", "clickhouse_http.native" if native else "clickhouse_http"),
        knows_settings=True,
        ports=("CLICKHOUSE",),
        needs=(Path(interpreter),),
        ready=probes.clickhouse,
        page=Page("ClickHouse: HTTP interface", s.url("CLICKHOUSE"), f"{s.clickhouse_bi.user} / CLICKHOUSE_BI_PASSWORD"),
        memory_mb=1000,
        stop_seconds=60,
    )

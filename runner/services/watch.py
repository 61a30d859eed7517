"""Metrics of every part on one endpoint, and the page that shows them."""

from contracts.settings import Settings
from runner import probes
from runner.service import Page, Service
from runner.tools import python


def service(s: Settings) -> Service:
    return Service(
        name="watch",
        command=(python("core"), "-m", "watch.server"),
        knows_settings=True,
        ports=("WATCH",),
        depends_on=("postgres_schema", "topics", "clickhouse_schema"),
        ready=probes.http_ok(s.url("WATCH")),
        page=Page("Watch: lag, freshness, dead letters, restarts", s.url("WATCH")),
        memory_mb=120,
    )

"""Connections of the checks and of the watch. Those to Postgres are read only; the one to ClickHouse may write as well."""

import clickhouse_connect
import psycopg
from clickhouse_connect.driver.client import Client

from contracts.settings import settings

CONNECT_SECONDS = 10
# A check sorts whole tables, which takes longer than the minute that the role bi has for a query.
CHECK_SECONDS = 3600


def warehouse(answer_seconds: int = 300) -> Client:
    """``answer_seconds``: how long ClickHouse may be silent."""
    s = settings()
    return clickhouse_connect.get_client(
        host=s.host("CLICKHOUSE"), port=s.port("CLICKHOUSE"), username=s.clickhouse.user, password=s.clickhouse.password,
        autogenerate_session_id=False, send_receive_timeout=answer_seconds,
    )  # fmt: skip


def shop(role: str = "bi", query_seconds: int = CHECK_SECONDS) -> psycopg.Connection:
    """``query_seconds``: how long a query may take."""
    options = f"-c default_transaction_read_only=on -c statement_timeout={query_seconds * 1000}"
    return psycopg.connect(settings().postgres_dsn(role), options=options, connect_timeout=CONNECT_SECONDS)

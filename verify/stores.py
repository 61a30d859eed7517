"""Connections of the checks: all read only but for the tables of the checker itself."""

import clickhouse_connect
import psycopg
from clickhouse_connect.driver.client import Client

from contracts.settings import settings


def warehouse() -> Client:
    s = settings()
    return clickhouse_connect.get_client(
        host=s.host("CLICKHOUSE"), port=s.port("CLICKHOUSE"), username=s.clickhouse.user, password=s.clickhouse.password,
        autogenerate_session_id=False,
    )  # fmt: skip


def shop(role: str = "bi") -> psycopg.Connection:
    return psycopg.connect(settings().postgres_dsn(role), options="-c default_transaction_read_only=on")

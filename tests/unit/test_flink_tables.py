"""How long the job's writes to Postgres are gathered."""

import re

import pytest

from contracts.settings import Settings
from contracts.tables import CUSTOMER_DAYS, LIVE_TABLES, SESSIONS, PostgresTable
from flink_jobs.tables import postgres_sink

# A session is to be visible within 10 s, a minute's figures within one: half of that for the rest of the way.
SLOW = {SESSIONS, CUSTOMER_DAYS}


def interval(table: PostgresTable, **values: str) -> int:
    statement = postgres_sink(table, Settings({"FLINK_PASSWORD": "of-no-server"} | values))
    [found] = re.findall(r"'sink\.buffer-flush\.interval' = '(\d+)ms'", statement)
    return int(found)


@pytest.mark.parametrize("table", LIVE_TABLES, ids=lambda table: table.name)
def test_a_write_waits_for_less_than_what_is_promised(table):
    assert interval(table) <= (5000 if table in SLOW else 500)


@pytest.mark.parametrize("table", LIVE_TABLES, ids=lambda table: table.name)
def test_sessions_and_days_are_gathered_by_a_setting_of_their_own(table):
    gathered = interval(table, LIVE_GATHER_MS="1500", LIVE_FLUSH_MS="150")
    assert gathered == (1500 if table in SLOW else 150)

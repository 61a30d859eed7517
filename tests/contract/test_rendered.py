"""What is committed is what the contracts render, and a change in the contracts shows."""

from contracts import render
from contracts.tables import RAW_TABLES, REPLICATED_TABLES


def test_committed_files_are_rendered_from_the_contracts():
    assert len(render.RENDERED) >= 9
    assert render.stale() == []


def test_a_drift_is_seen(monkeypatch):
    monkeypatch.setitem(render.RENDERED, "sql/postgres/1_roles.sql", lambda: "-- other")
    assert [path.name for path in render.stale()] == ["1_roles.sql"]


def test_no_password_is_rendered():
    for text in (make() for make in render.RENDERED.values()):
        assert "PASSWORD '" not in text
        assert '"database.password": "${env:' in text or '"database.password"' not in text


def test_personal_columns_are_not_replicated():
    hidden = {column.name for table in REPLICATED_TABLES for column in table.columns if column.pii}
    assert {"name", "email"} <= hidden
    replicated = {column.name for table in RAW_TABLES if table.name == "customers" for column in table.columns}
    assert replicated and not replicated & hidden
    assert "shop.customers.email" in render.RENDERED["cdc/connector.json"]()


def test_indexes_name_columns_of_their_table():
    indexed = {table: set(table.indexes) for table in REPLICATED_TABLES if table.indexes}
    assert indexed
    for table, columns in indexed.items():
        assert columns <= {column.name for column in table.columns}, table.qualified

"""Copies of migrated databases, on a Postgres of the test's own with migrations that the test can count."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from contracts import settings as module
from contracts.settings import ROOT, settings
from runner.migrated import Migrated
from runner.service import StackError
from tests.ports import free_offset

METADATA = Migrated("superset", "superset", "apache_superset")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Postgres with the tools' databases, beside tools that are installed elsewhere."""
    folder = tmp_path_factory.mktemp("migrated")
    tools = folder / "tools"
    tools.mkdir()
    (tools / "venvs").symlink_to(settings().tools / "venvs")
    own = {
        "VAR_DIR": str(folder / "var"),
        "ENV_FILE": str(folder / "env"),
        "PORT_OFFSET": str(free_offset()),
        "TOOLS_DIR": str(tools),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in own.items():
            patch.setenv(name, value)
        module.settings.cache_clear()
        try:
            run("runner", "up", "postgres_schema")
            module.settings.cache_clear()
            yield tools
        finally:
            run("runner.stop", "--remove-data")
    module.settings.cache_clear()


def run(*arguments: str) -> None:
    command = (sys.executable, "-m", *arguments)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def migrations(place: Path) -> list[str]:
    """An empty database and no copy of it; how often it was migrated since."""
    for copy in (place / "databases").glob("*"):
        copy.unlink()
    emptied()
    return []


def emptied() -> None:
    with connected() as database:
        database.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


def connected() -> psycopg.Connection:
    return psycopg.connect(settings().postgres_dsn("superset"), autocommit=True)


def migrate(migrations: list[str]) -> None:
    """As tools do it: may run again."""
    migrations.append("run")
    with connected() as database:
        database.execute("CREATE TABLE IF NOT EXISTS permission (id serial PRIMARY KEY, name text UNIQUE)")
        database.execute("INSERT INTO permission (name) VALUES ('read'), ('write') ON CONFLICT DO NOTHING")


def rows(table: str) -> list[tuple[object, ...]]:
    with connected() as database:
        return database.execute(f"SELECT * FROM {table}").fetchall()  # type: ignore[arg-type]


def test_an_empty_database_is_migrated_once_and_copied_from_then_on(migrations: list[str]):
    METADATA.make(lambda: migrate(migrations))
    made = rows("permission")
    emptied()
    METADATA.make(lambda: migrate(migrations))
    assert migrations == ["run"]
    assert rows("permission") == made == [(1, "read"), (2, "write")]
    with connected() as database:
        assert database.execute("INSERT INTO permission (name) VALUES ('own') RETURNING id").fetchone() == (3,)


def test_a_database_in_use_is_migrated_itself_and_never_copied(migrations: list[str]):
    migrate(migrations)
    METADATA.make(lambda: migrate(migrations))
    assert migrations == ["run", "run"]
    assert not METADATA.copy().exists()


def test_what_fails_half_way_is_no_copy_and_a_broken_copy_is_named(migrations: list[str]):
    def failing() -> None:
        migrate(migrations)
        raise StackError("migrations: no")

    with pytest.raises(StackError, match="migrations: no"):
        METADATA.make(failing)
    assert not METADATA.copy().exists()
    emptied()
    METADATA.copy().parent.mkdir(exist_ok=True)
    METADATA.copy().write_text("CREATE TABLE first (id int);\nCREATE TABLE nonsense;\n")
    with pytest.raises(StackError, match=METADATA.copy().name):
        METADATA.make(lambda: migrate(migrations))
    assert METADATA.empty(), "all of the copy or nothing"


def test_another_version_has_another_copy(migrations: list[str], monkeypatch: pytest.MonkeyPatch):
    METADATA.make(lambda: migrate(migrations))
    monkeypatch.setattr(Migrated, "versions", lambda metadata: [f"{metadata.package}-999.dist-info"])
    emptied()
    METADATA.make(lambda: migrate(migrations))
    assert len(list(METADATA.copy().parent.iterdir())) == 2

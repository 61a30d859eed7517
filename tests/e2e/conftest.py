"""One stack for all end-to-end tests, in a folder and on ports of its own, brought up by a small ``make demo``."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts import settings as contract_settings
from contracts.settings import ROOT
from tests.leftovers import stopped
from tests.ports import free_offset
from verify.stores import shop, warehouse

DEMO = {"DEMO_CUSTOMERS": "400", "DEMO_MONTHS": "4", "DEMO_LIVE_SECONDS": "10", "DEMO_LIVE_RATE": "100"}
# More than one subtask, so that rows of one key would meet in two of them where the plan let them.
SIZES = {"FLINK_PARALLELISM": "2"}
DEMO_SECONDS = 1500


@dataclass
class Stack:
    """What the tests need of the running stack."""

    var: Path
    environment: dict[str, str]
    summary: dict

    def make(self, *words: str, seconds: float = 600, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run ``make …`` as a user would; the output is kept for the report of a failure."""
        done = subprocess.run(
            ["make", "--no-print-directory", *words], cwd=ROOT, env={**self.environment, **settings},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
        )  # fmt: skip
        print(f"$ make {' '.join(words)}  [{done.returncode}]\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}")
        return done

    def sql(self, query: str) -> list[tuple]:
        """Rows of ClickHouse."""
        with warehouse() as client:
            return [tuple(row) for row in client.query(query).result_rows]

    def psql(self, query: str) -> list[tuple]:
        """Rows of Postgres."""
        with shop() as connection:
            return connection.execute(query).fetchall()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    kept = {name: value for name, value in os.environ.items() if not name.endswith(("_PORT", "_PASSWORD", "_URL", "_HOST"))}
    environment = (
        kept
        | DEMO
        | SIZES
        | {"VAR_DIR": str(folder / "var"), "ENV_FILE": str(folder / ".env"), "PORT_OFFSET": str(free_offset())}
    )
    found = Stack(folder / "var", environment, {})
    try:
        done = found.make("demo", seconds=DEMO_SECONDS)
        assert done.returncode == 0, f"make demo failed:\n{done.stdout[-8000:]}\n{done.stderr[-4000:]}"
        found.summary = json.loads((found.var / "demo" / "summary.json").read_text())
        use(environment)
        yield found
    finally:
        stopped(found.var, lambda: found.make("clean", seconds=180))


def use(environment: dict[str, str]) -> None:
    """Let the project's own modules, imported by tests, speak to this stack."""
    os.environ.update({name: environment[name] for name in ("VAR_DIR", "ENV_FILE", "PORT_OFFSET")})
    contract_settings.settings.cache_clear()

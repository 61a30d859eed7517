"""Superset: one gunicorn with threads; its metadata in Postgres, its dashboards from the repository."""

import os
import subprocess
from pathlib import Path

from contracts.settings import ROOT, Settings, settings
from runner import command, probes, stamps
from runner.migrated import Migrated
from runner.service import Page, Service, StackError
from runner.tools import python, venv

ADMIN = "admin"
SOURCE = ROOT / "superset"
METADATA = Migrated("superset", "superset", "apache_superset")


def variables(s: Settings) -> dict[str, str]:
    return {
        "SUPERSET_CONFIG_PATH": str(SOURCE / "superset_config.py"),
        "SUPERSET_HOME": str(s.var / "superset"),
        "FLASK_APP": "superset.app:create_app()",
    }


def run(name: str, *words: str) -> None:
    """A command of Superset's environment; its output goes to a log of its own. StackError names both."""
    s = settings()
    log = s.var / "log" / f"superset-{name}.log"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables(s)}
    (s.var / "superset").mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        done = command.run(f"superset {name}", words, env=environment, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    if done.returncode:
        last = (log.read_text().strip().splitlines() or ["no output"])[-1]
        raise StackError(f"superset {name} failed with {done.returncode} ({last[:200]}): see {log}")


def database() -> None:
    """Metadata tables and roles, once per installed version."""
    stamps.once("superset-database", METADATA.versions(), lambda: METADATA.make(migrate))


def migrate() -> None:
    run("init", python("superset"), str(ROOT / "runner" / "superset_init.py"))


def dashboards() -> None:
    """The administrator, databases, datasets and dashboards, where settings or the repository differ from what was loaded."""
    s = settings()
    passwords = (s.secret("SUPERSET_ADMIN_PASSWORD"), s.secret("BI_PASSWORD"), s.clickhouse_bi.password)
    inputs = [*stamps.files(SOURCE), s.address("POSTGRES"), s.url("CLICKHOUSE"), *passwords]
    stamps.once("superset-dashboards", inputs, lambda: run("load", python("superset"), str(SOURCE / "load.py")))


def service(s: Settings) -> Service:
    return Service(
        name="superset",
        command=(
            python("superset"),
            str(venv("superset") / "bin" / "gunicorn"),
            "--worker-class=gthread",
            "--workers=1",
            f"--threads={s.number('SUPERSET_THREADS', 8)}",
            "--timeout=120",
            f"--bind={s.address('SUPERSET')}",
            "superset.app:create_app()",
        ),
        environment=variables(s),
        knows_settings=True,
        needs=(Path(python("superset")),),
        depends_on=("superset_database",),
        ports=("SUPERSET",),
        ready=probes.http_ok(f"{s.url('SUPERSET')}/health"),
        page=Page("Superset: dashboards", s.url("SUPERSET"), f"{ADMIN} / SUPERSET_ADMIN_PASSWORD"),
        memory_mb=400,
        start_seconds=300,
        stop_seconds=30,
    )

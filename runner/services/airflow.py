"""Airflow: its four programs, each supervised on its own, with the LocalExecutor on Postgres."""

import json
import os
from pathlib import Path

from contracts.settings import ROOT, Settings, settings
from runner import command, probes, stamps
from runner.env import write_private
from runner.migrated import Migrated
from runner.service import Page, Service, StackError
from runner.tools import python, venv

ADMIN, VIEWER = "admin", "viewer"
METADATA = Migrated("airflow", "airflow", "apache_airflow")


def program() -> str:
    return str(venv("airflow") / "bin" / "airflow")


def variables(s: Settings) -> dict[str, str]:
    """Airflow's configuration, all of it by environment; its tasks find this checkout and its settings there too."""
    home, url = s.var / "airflow", s.url("AIRFLOW")
    database = s.postgres_dsn("airflow").removeprefix("postgresql://")
    options = {
        "CORE__DAGS_FOLDER": ROOT / "airflow" / "dags",
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": s.number("AIRFLOW_PARALLELISM", 4),
        "CORE__MAX_ACTIVE_TASKS_PER_DAG": s.number("AIRFLOW_PARALLELISM", 4),
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__FERNET_KEY": s.secret("AIRFLOW_FERNET_KEY"),
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin,{VIEWER}:viewer",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": s.var / "etc" / "airflow.passwords.json",
        # The tasks' own way to the API server; it does not follow the port by itself.
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}",
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{database}",
        "DATABASE__SQL_ALCHEMY_POOL_SIZE": 3,
        "API__HOST": s.host("AIRFLOW"),
        "API__PORT": s.port("AIRFLOW"),
        "API__BASE_URL": s.public_url("AIRFLOW"),
        "API__WORKERS": 1,
        # A task on a busy machine waits for the API server rather than failing.
        "WORKERS__EXECUTION_API_TIMEOUT": 30,
        "API__SECRET_KEY": s.secret("AIRFLOW_SECRET_KEY"),
        "API_AUTH__JWT_SECRET": s.secret("AIRFLOW_JWT_SECRET"),
        "LOGGING__BASE_LOG_FOLDER": s.var / "log" / "airflow",
        "DAG_PROCESSOR__REFRESH_INTERVAL": 30,
        "DAG_PROCESSOR__PARSING_PROCESSES": 1,
        # A changed file is read at the next refresh all the same; all files, every half minute, took a twentieth of two cores.
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 600,
        "TRIGGERER__CAPACITY": 100,
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    return {"AIRFLOW_HOME": str(home), **{f"AIRFLOW__{name}": str(value) for name, value in options.items()}}


def prepare() -> None:
    """The users' passwords. The viewer's is the one of the read-only users elsewhere."""
    s = settings()
    (s.var / "airflow").mkdir(parents=True, exist_ok=True)
    passwords = {ADMIN: s.secret("AIRFLOW_ADMIN_PASSWORD"), VIEWER: s.secret("BI_PASSWORD")}
    write_private(s.var / "etc" / "airflow.passwords.json", json.dumps(passwords))


def database() -> None:
    """Create or upgrade the metadata tables, once per installed version."""
    stamps.once("airflow-database", METADATA.versions(), lambda: METADATA.make(migrate))


def migrate() -> None:
    s = settings()
    prepare()
    environment = {**os.environ, **variables(s), "PYTHONPATH": str(ROOT)}
    done = command.run("airflow db migrate", (program(), "db", "migrate"), env=environment, cwd=ROOT, capture_output=True)
    (s.var / "log").mkdir(parents=True, exist_ok=True)
    (s.var / "log" / "airflow-migrate.log").write_text(done.stdout + done.stderr)
    if done.returncode:
        raise StackError(f"airflow db migrate failed with {done.returncode}: see {s.var / 'log' / 'airflow-migrate.log'}")


# Their log servers would listen on every address; the API server reads the same files.
WITHOUT_LOG_SERVER = ("--skip-serve-logs",)


def part(s: Settings, name: str, component: str, memory_mb: int, options: tuple[str, ...] = ()) -> Service:
    """One of the programs; ``component`` is its name on Airflow's health page."""
    serves = name == "api-server"
    return Service(
        name=f"airflow-{name}",
        # By its interpreter: the script's first line would be too long for a deep checkout.
        command=(python("airflow"), program(), name, *options),
        environment=variables(s),
        knows_settings=True,
        needs=(Path(program()),),
        depends_on=("airflow_database",),
        alongside=() if serves else ("airflow-api-server",),
        ports=("AIRFLOW",) if serves else (),
        ready=probes.airflow_api if serves else probes.airflow(component),
        prepare=prepare,
        page=Page("Airflow: batch runs", s.url("AIRFLOW"), f"{ADMIN} / AIRFLOW_ADMIN_PASSWORD") if serves else None,
        memory_mb=memory_mb,
        start_seconds=300,
        stop_seconds=30,
    )


def api_server(s: Settings) -> Service:
    return part(s, "api-server", "metadatabase", 350)


def scheduler(s: Settings) -> Service:
    return part(s, "scheduler", "scheduler", 300, WITHOUT_LOG_SERVER)


def dag_processor(s: Settings) -> Service:
    return part(s, "dag-processor", "dag_processor", 250)


def triggerer(s: Settings) -> Service:
    return part(s, "triggerer", "triggerer", 250, WITHOUT_LOG_SERVER)

"""Addresses, ports, credentials and sizes, from the environment over an env file.

``settings()`` reads ``ENV_FILE`` (default ``.env`` at the top of the checkout), over it the files of ``SECRETS_DIR`` where one
is named, as containers are given theirs, and lets the process environment win.
Every port is ``<NAME>_PORT``, moved by ``PORT_OFFSET`` where only the default applies, so that a second stack can run
beside the first. Secrets have no default: ``runner`` writes random ones into the env file on first use, but for those that
others give out (OPTIONAL_SECRETS).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlsplit

ROOT = Path(__file__).resolve().parent.parent

PORTS = {
    "KAFKA": 9092,
    "KAFKA_CONTROLLER": 9093,
    "KAFKA_2": 9192,
    "KAFKA_2_CONTROLLER": 9193,
    "KAFKA_3": 9292,
    "KAFKA_3_CONTROLLER": 9293,
    "CONNECT": 8083,
    "FLINK": 8081,
    "FLINK_RPC": 6123,
    "POSTGRES": 5432,
    "CLICKHOUSE": 8123,
    "MINIO": 9000,
    "MINIO_CONSOLE": 9001,
    "SPARK_UI": 4040,
    "AIRFLOW": 8080,
    "SUPERSET": 8088,
    "KAFDROP": 19000,
    "WATCH": 9108,
    "MLFLOW": 5000,
}

# The brokers of a stack that has three, in the order of their node ids.
BROKERS = ("KAFKA", "KAFKA_2", "KAFKA_3")

# Programs that keep their own metadata in Postgres: a role and a database each.
TOOL_ROLES = ("airflow", "superset", "iceberg", "mlflow")

SECRETS = (
    "POSTGRES_PASSWORD",
    "SHOP_PASSWORD",
    "FLINK_PASSWORD",
    "DEBEZIUM_PASSWORD",
    "BI_PASSWORD",
    "AIRFLOW_DB_PASSWORD",
    "SUPERSET_DB_PASSWORD",
    "ICEBERG_DB_PASSWORD",
    "MLFLOW_DB_PASSWORD",
    "CLICKHOUSE_PASSWORD",
    "CLICKHOUSE_BI_PASSWORD",
    "MINIO_ROOT_PASSWORD",
    "AIRFLOW_ADMIN_PASSWORD",
    "AIRFLOW_SECRET_KEY",
    "AIRFLOW_JWT_SECRET",
    "AIRFLOW_FERNET_KEY",
    "SUPERSET_ADMIN_PASSWORD",
    "SUPERSET_SECRET_KEY",
)

# Given out by others, for those who want to be told.
OPTIONAL_SECRETS = ("ALERT_SMTP_PASSWORD", "ALERT_SLACK_WEBHOOK")

PLACEHOLDERS = {
    "",
    "admin",
    "changeme",
    "change-me",
    "clickhouse",
    "minioadmin",
    "password",
    "postgres",
    "secret",
    "superset",
    "test",
}


class SettingsError(ValueError):
    """A setting is missing or cannot be used; the message names it."""


@dataclass(frozen=True)
class Account:
    """A login; the password does not show in ``repr``."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """What every part reads. ``values`` holds all settings by name; the properties below give the ones in common use."""

    values: Mapping[str, str] = field(repr=False)

    def get(self, name: str, default: str) -> str:
        return self.values.get(name) or default

    def number(self, name: str, default: int) -> int:
        """An integer setting; SettingsError names one that is not."""
        text = self.get(name, str(default))
        try:
            return int(text)
        except ValueError:
            raise SettingsError(f"{name}={text!r} is not a whole number") from None

    def secret(self, name: str) -> str:
        """A secret; SettingsError where it is missing or a well-known placeholder."""
        value = self.values.get(name, "")
        if value.lower() in PLACEHOLDERS:
            problem = f"{name} is {'a placeholder' if value else 'not set'}"
            if name in OPTIONAL_SECRETS:
                raise SettingsError(problem)
            remedy = f"remove it from {env_file()}, and" if value else "for what is missing"
            raise SettingsError(f"{problem}: {remedy} `make env` writes a random one")
        return value

    def port(self, name: str) -> int:
        """Port of a part: of its ``<NAME>_URL`` where one is set, else ``<NAME>_PORT`` or the default."""
        if given := self.values.get(f"{name}_URL"):
            parsed = urlsplit(given)
            return parsed.port or (443 if parsed.scheme == "https" else 80)
        return self.number(f"{name}_PORT", PORTS[name] + self.number("PORT_OFFSET", 0))

    def host(self, name: str) -> str:
        if given := urlsplit(self.get(f"{name}_URL", "")).hostname:
            return given
        return self.get(f"{name}_HOST", self.bind_address)

    def address(self, name: str) -> str:
        """host:port of a part, for example ``address("POSTGRES")``."""
        return f"{self.host(name)}:{self.port(name)}"

    def url(self, name: str) -> str:
        return self.values.get(f"{name}_URL") or f"http://{self.address(name)}"

    def public_url(self, name: str) -> str:
        """What browsers are sent to, which may know a part by another name than its neighbours do."""
        return self.get(f"{name}_PUBLIC_URL", self.url(name))

    def path(self, name: str, default: Path) -> Path:
        return Path(self.get(name, str(default))).resolve()

    @property
    def bind_address(self) -> str:
        return self.get("BIND_ADDRESS", "127.0.0.1")

    @property
    def var(self) -> Path:
        """State of one stack: data directories, logs, results."""
        return self.path("VAR_DIR", ROOT / "var")

    @property
    def tools(self) -> Path:
        """What was installed: virtual environments, jars, binaries. Shared by several stacks."""
        return self.path("TOOLS_DIR", ROOT / ".tools")

    @property
    def truth(self) -> Path:
        """The simulator's ledger and planted truth. The pipeline must not read it."""
        return self.var / "truth"

    @property
    def synth_port(self) -> int:
        """Where ``make synth`` answers; not a part of the stack."""
        return self.number("SYNTH_PORT", 8010 + self.number("PORT_OFFSET", 0))

    @property
    def partitions(self) -> int:
        return self.number("KAFKA_PARTITIONS", 4)

    @property
    def brokers(self) -> tuple[str, ...]:
        """Names of the brokers, as ``address`` takes them. Of three any one may be lost: the two that are left are a majority."""
        count = self.number("KAFKA_BROKERS", 1)
        if count not in (1, len(BROKERS)):
            raise SettingsError(f"KAFKA_BROKERS={count}: it is 1, or {len(BROKERS)}, of which any one may be lost")
        return BROKERS[:count]

    @property
    def bootstrap_servers(self) -> str:
        """Where clients of Kafka begin: host:port of every broker, of which one that answers will do."""
        return self.get("KAFKA_BOOTSTRAP_SERVERS", ",".join(map(self.address, self.brokers)))

    @property
    def kafka_client(self) -> dict[str, object]:
        """Options of a client that writes no log of its own: brokers may be away for long, and our errors tell what fails."""
        return {"bootstrap.servers": self.bootstrap_servers, "log_level": 0}

    @property
    def replication(self) -> int:
        """Copies of each record."""
        return self.number("KAFKA_REPLICATION", len(self.brokers))

    @property
    def insync_replicas(self) -> int:
        """Copies without which a record is not taken: one broker may be away."""
        return max(1, self.replication - 1)

    @property
    def task_managers(self) -> int:
        return self.number("FLINK_TASKMANAGERS", 1)

    @property
    def parallelism(self) -> int:
        # The stages of a job run side by side anyhow: on two cores a second subtask of each only adds work.
        return self.number("FLINK_PARALLELISM", 1)

    @property
    def clock_tolerance_hours(self) -> int:
        """How far ahead of now an event may be dated."""
        return self.number("CLOCK_TOLERANCE_HOURS", 24)

    @property
    def live_retention_days(self) -> int:
        return self.number("LIVE_RETENTION_DAYS", 7)

    @property
    def lake_keep_snapshots(self) -> int:
        """Snapshots that stay of each table of the lake."""
        return self.number("LAKE_KEEP_SNAPSHOTS", 30)

    @property
    def lake_orphan_hours(self) -> int:
        """How old a file must be to be removed once no snapshot refers to it."""
        return self.number("LAKE_ORPHAN_HOURS", 24)

    @property
    def postgres_database(self) -> str:
        return self.get("POSTGRES_DATABASE", "shop")

    def postgres_account(self, role: str) -> Account:
        """Login of a Postgres role: postgres, shop, flink, debezium, bi, airflow, superset, iceberg or mlflow."""
        name = f"{role.upper()}_DB" if role in TOOL_ROLES else role.upper()
        return Account(role, self.secret(f"{name}_PASSWORD"))

    def postgres_dsn(self, role: str, database: str = "") -> str:
        """``postgresql://`` address for a role; its own database unless named."""
        account = self.postgres_account(role)
        own = role if role in TOOL_ROLES else self.postgres_database
        return f"postgresql://{account.user}:{quote(account.password, safe='')}@{self.address('POSTGRES')}/{database or own}"

    @property
    def clickhouse(self) -> Account:
        """May read and write: the sink, dbt, the models."""
        return Account(self.get("CLICKHOUSE_USER", "pipeline"), self.secret("CLICKHOUSE_PASSWORD"))

    @property
    def clickhouse_bi(self) -> Account:
        """Reads only: Superset, ``make sql``."""
        return Account(self.get("CLICKHOUSE_BI_USER", "bi"), self.secret("CLICKHOUSE_BI_PASSWORD"))

    @property
    def minio(self) -> Account:
        return Account(self.get("MINIO_ROOT_USER", "lake"), self.secret("MINIO_ROOT_PASSWORD"))

    @property
    def bucket(self) -> str:
        return self.get("LAKE_BUCKET", "lake")

    @property
    def warehouse(self) -> str:
        return f"s3://{self.bucket}/warehouse"


def env_file() -> Path:
    return Path(os.environ.get("ENV_FILE", ROOT / ".env")).resolve()


def read_env_file(path: Path) -> dict[str, str]:
    """NAME=value lines; blank lines and # comments are skipped. SettingsError names a line that is neither."""
    values = {}
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else (), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingsError(f"{path}:{number}: expected NAME=value, found {text!r}")
        values[name.strip()] = value.strip()
    return values


def read_secrets(directory: str) -> dict[str, str]:
    """The secrets of a directory that holds each in a file of its name; none where no directory is named."""
    files = (Path(directory) / name for name in (*SECRETS, *OPTIONAL_SECRETS) if directory)
    return {path.name: path.read_text().strip() for path in files if path.exists()}


@cache
def settings() -> Settings:
    return Settings({**read_env_file(env_file()), **read_secrets(os.environ.get("SECRETS_DIR", "")), **os.environ})

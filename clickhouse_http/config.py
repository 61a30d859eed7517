"""Sizes, limits and paths of the embedded ClickHouse, from the settings."""

from dataclasses import dataclass
from pathlib import Path

from contracts.settings import Account, Settings

MIB = 1 << 20


@dataclass(frozen=True)
class Config:
    """``directory`` holds the engine's data, its rendered configuration and the bodies of INSERTs under way."""

    directory: Path
    host: str
    port: int
    writer: Account
    reader: Account
    connections: int  # queries that run at once; more wait
    queue_seconds: int  # how long a request waits for its turn
    grace_seconds: int  # how long running queries may take at shutdown
    max_memory: int  # bytes, the whole engine
    max_query_memory: int  # bytes, one query
    threads: int  # of one query
    writer_seconds: int  # longest query of the read-write user; 0 is unlimited
    reader_seconds: int  # longest query of the read-only user
    reader_rows: int  # largest result of the read-only user, in rows

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def uploads(self) -> Path:
        return self.directory / "uploads"

    @property
    def engine_file(self) -> Path:
        return self.directory / "config.xml"

    @property
    def users_file(self) -> Path:
        return self.directory / "users.xml"

    @property
    def lock_file(self) -> Path:
        return self.directory / "lock"


def config(s: Settings) -> Config:
    max_memory = s.number("CLICKHOUSE_MAX_MEMORY", 2048 * MIB)
    return Config(
        directory=s.var / "clickhouse",
        host=s.bind_address,
        port=s.port("CLICKHOUSE"),
        writer=s.clickhouse,
        reader=s.clickhouse_bi,
        connections=s.number("CLICKHOUSE_CONNECTIONS", 8),
        queue_seconds=s.number("CLICKHOUSE_QUEUE_SECONDS", 60),
        grace_seconds=s.number("CLICKHOUSE_GRACE_SECONDS", 20),
        max_memory=max_memory,
        max_query_memory=s.number("CLICKHOUSE_MAX_QUERY_MEMORY", max_memory * 3 // 4),
        threads=s.number("CLICKHOUSE_THREADS", 2),
        writer_seconds=s.number("CLICKHOUSE_MAX_SECONDS", 1800),
        reader_seconds=s.number("CLICKHOUSE_BI_MAX_SECONDS", 60),
        reader_rows=s.number("CLICKHOUSE_BI_MAX_ROWS", 5_000_000),
    )

"""The embedded engine: its configuration, its connections, what they may do.

chDB has one user, ``default``, and no log-in, so the front keeps the accounts and the engine enforces two *profiles*:
``reader`` is read-only (``readonly = 2``, which a session cannot leave) and has limits that the session cannot raise.
Neither is granted FILE, URL, S3, REMOTE or any other source, so that table functions reach nothing outside; what grants
do not cover, ``guard`` refuses.
"""

import fcntl
import importlib
import os
import re
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlencode

from clickhouse_http.config import MIB, Config
from clickhouse_http.engine_config import LOCAL_DATABASE, engine_xml, users_xml
from clickhouse_http.errors import ServerError
from clickhouse_http.profiles import READER, WRITER, profiles

PIECE_BYTES = MIB
WRAPPING = re.compile(r": In scope SELECT formatQuerySingleLine\(|: while executing 'FUNCTION formatQuerySingleLine\(")


class EngineBusyError(Exception):
    """Another process serves this data directory."""


def literal(text: str) -> str:
    """A string literal of ClickHouse SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0") + "'"


class Connection:
    """One engine session: its own settings, database and temporary tables. One statement at a time."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def run(self, sql: str, output_format: str = "TabSeparated", parameters: Mapping[str, str] | None = None) -> Any:
        """chDB's result; ServerError with the engine's code."""
        try:
            return self._raw.query(sql.encode("utf-8", "surrogateescape"), output_format, params=dict(parameters or {}))
        except RuntimeError as error:
            raise ServerError.of_engine(str(error)) from None

    def canonical(self, text: str) -> str:
        """One statement as the engine understands it; its syntax errors are those of the statement.

        The text goes in as hexadecimal digits: chDB searches the text of every statement for names of Python objects.
        """
        digits = text.encode("utf-8", "surrogateescape").hex()
        try:
            return self.run(f"SELECT formatQuerySingleLine(unhex('{digits}'))", "RawBLOB").bytes().decode("utf-8", "replace")
        except ServerError as error:
            message = WRAPPING.split(error.message, maxsplit=1)[0]
            raise ServerError(error.code, message) from None

    def rows(self, sql: str) -> list[list[str]]:
        """A small result as unescaped text."""
        text = self.run(sql, "TabSeparatedRaw").bytes().decode()
        return [line.split("\t") for line in text.splitlines()]

    def insert(self, sql: str, input_format: str, path: Path) -> tuple[int, int]:
        """Rows and bytes written by an INSERT whose data is a file, a piece at a time."""
        try:
            stream = self._raw.send_insert(sql, input_format)
            try:
                with path.open("rb") as data:
                    while piece := data.read(PIECE_BYTES):
                        stream.append(piece)
                done = stream.finish()
            finally:
                stream.cancel()
        except RuntimeError as error:
            raise ServerError.of_engine(str(error)) from None
        return done.rows_written, done.bytes_written

    def close(self) -> None:
        with suppress(RuntimeError):
            self._raw.close()


class Engine:
    """The engine of one data directory, running as long as this object is open. Raises EngineBusyError."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._profiles = profiles(config)
        self._chdb = _load()
        self._checkers: SimpleQueue[Connection] = SimpleQueue()
        config.directory.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(config.lock_file)
        for directory in (config.data, config.data / "metadata", config.uploads, config.directory / "tmp"):
            directory.mkdir(exist_ok=True)
            directory.chmod(0o700)
        _keep_default_database(config.data / "metadata")
        for leftover in config.uploads.iterdir():
            leftover.unlink()
        config.users_file.write_text(users_xml(config))
        config.engine_file.write_text(engine_xml(config))
        self._address = f"{config.data}?{urlencode({'config-file': str(config.engine_file)}, safe='/')}"
        # The engine stops with its last connection: this one stays.
        self._keeper = Connection(self._chdb.connect(self._address))
        self._keeper.run(f"DROP DATABASE IF EXISTS {LOCAL_DATABASE}")
        self.table_functions = frozenset(name for (name,) in self._keeper.rows("SELECT upper(name) FROM system.table_functions"))
        self.version = self._keeper.rows("SELECT version()")[0][0]
        self.timezone = self._keeper.rows("SELECT timezone()")[0][0]

    @property
    def spool(self) -> Path:
        """Where results wait that do not fit into memory."""
        return self._config.uploads

    def connect(self, profile: str) -> Connection:
        """A new session, in a fraction of a millisecond."""
        connection = Connection(self._chdb.connect(self._address))
        # The profile brings its limits; its values have to be set one by one, since chDB's client sends its own along.
        connection.run(f"SET profile = '{profile}'")
        connection.run("SET " + ", ".join(f"{name} = {value}" for name, value in self._profiles[profile].items()))
        return connection

    def canonical(self, text: str) -> str:
        """One statement as the engine understands it, by a connection whose settings no client touches."""
        try:
            connection = self._checkers.get_nowait()
        except Empty:
            connection = self.connect(READER)
            connection.run("SET max_query_size = 0")  # the digits are longer than the text, which has its own limit
        try:
            return connection.canonical(text)
        finally:
            self._checkers.put(connection)

    def kill(self, mark: str) -> None:
        """Cancel the query whose text contains the mark."""
        connection = self.connect(WRITER)
        try:
            own = f"query NOT LIKE 'KILL%' AND position(query, {literal(mark)}) > 0"
            connection.run(f"KILL QUERY WHERE {own} ASYNC")
        finally:
            connection.close()

    def close(self) -> None:
        """Stops the engine once every other connection is closed."""
        while not self._checkers.empty():
            self._checkers.get().close()
        self._keeper.close()
        os.close(self._lock)


def _load() -> Any:
    """chDB, with UTC as the zone of dates without one, wherever this runs: it looks once, while it is imported."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    return importlib.import_module("chdb")


def _keep_default_database(metadata: Path) -> None:
    """Make ``default`` a database of its own kind, as on a server, instead of clickhouse-local's view of the file system.

    The engine loads it from the .sql file; the link beside it, which the engine writes anew, would let the engine load its tables
    a second time under the local database's name.
    """
    link, definition = metadata / "default", metadata / "default.sql"
    if link.is_symlink():
        link.unlink()
    if not definition.exists():
        definition.write_text(f"ATTACH DATABASE _ UUID '{uuid.uuid4()}'\nENGINE = Atomic\n")


def _lock(path: Path) -> int:
    """Held until the process ends, however it ends."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(handle, 32).decode().strip()
        os.close(handle)
        raise EngineBusyError(
            f"{path.parent} is served by process {owner or 'unknown'}: one process per data directory"
        ) from None
    os.ftruncate(handle, 0)
    os.write(handle, f"{os.getpid()}\n".encode())
    return handle

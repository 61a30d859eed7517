"""One query from connection to bytes, in a thread of its own."""

import fcntl
import os
import uuid
from dataclasses import dataclass

from clickhouse_http import guard
from clickhouse_http.accounts import Caller
from clickhouse_http.body import ExternalTable, Statement
from clickhouse_http.config import MIB
from clickhouse_http.engine import Connection, Engine, literal
from clickhouse_http.errors import BAD_ARGUMENTS, UNKNOWN_ROLE, ServerError
from clickhouse_http.overlay import OF_THE_SESSION, Overlay, apply, identifier
from clickhouse_http.request import IDENTIFIER, Request
from clickhouse_http.statements import query

PIPE_BYTES = MIB


@dataclass(frozen=True)
class Outcome:
    """What the engine did: rows and bytes read and written, and what a statement without a streamed result answered."""

    read_rows: int
    read_bytes: int
    written_rows: int
    written_bytes: int
    result_rows: int
    body: bytes = b""


class Execution:
    """A statement on a connection. ``run`` blocks until the engine is done; ``output`` is the read end of its result."""

    def __init__(self, engine: Engine, request: Request, statement: Statement, caller: Caller) -> None:
        self._engine = engine
        self._request = request
        self._statement = statement
        self._caller = caller
        self.mark = f"request-{uuid.uuid4()}"
        self.format = ""  # of the result, where there is one
        self.output, self._input = os.pipe()
        fcntl.fcntl(self.output, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def close(self) -> None:
        """Once nothing reads any more."""
        os.close(self.output)

    def run(self, connection: Connection, overlay: Overlay | None) -> Outcome:
        """``overlay`` is that of a session's connection, which outlives the request."""
        try:
            return self._run(connection, overlay)
        finally:
            os.close(self._input)

    def _run(self, connection: Connection, overlay: Overlay | None) -> Outcome:
        self._prepare(connection, overlay)
        if self._statement.insert:
            return self._insert(connection)
        text = self._statement.text.decode("utf-8", "surrogateescape")
        kind = self._checked(text)
        if overlay and kind in OF_THE_SESSION:
            overlay.lift()
        return self._query(connection, text, kind)

    def _prepare(self, connection: Connection, overlay: Overlay | None) -> None:
        if "role" in self._request.parameters:
            raise ServerError(UNKNOWN_ROLE, f"There is no role `{self._request.parameters['role']}` in user directories")
        if overlay:
            overlay.put(self._request.settings, self._request.database)
        else:
            apply(connection, self._request.settings, self._request.database)
        for table in self._statement.tables:
            self._load(connection, table)

    def _checked(self, text: str) -> str:
        """First keyword of an allowed statement."""
        canonical = self._engine.canonical(text)
        return guard.check(canonical, self._caller, self._request.reads_only, self._engine.table_functions)

    def _insert(self, connection: Connection) -> Outcome:
        insert = self._statement.insert
        self._checked(insert.statement)
        for name, value in self._request.query_parameters.items():
            connection.run(f"SET param_{name} = {literal(value)}")
        rows, size = connection.insert(f"{insert.target}{insert.settings}", insert.format, self._statement.files[-1])
        return Outcome(read_rows=rows, read_bytes=size, written_rows=rows, written_bytes=size, result_rows=rows)

    def _query(self, connection: Connection, text: str, kind: str) -> Outcome:
        parsed = query(text)
        if not parsed.has_result or kind == "INSERT":
            sql, name = parsed.statement, parsed.format or self._request.default_format
            outcome = _outcome(connection.run(f"{sql}\n-- {self.mark}", name, self._request.query_parameters), with_body=True)
            self.format = name if outcome.body else ""
            return outcome
        self.format = parsed.format or self._request.default_format
        sql = parsed.into(f"/proc/self/fd/{self._input}", self._request.default_format)
        return _outcome(connection.run(f"{sql}\n-- {self.mark}", self.format, self._request.query_parameters))

    def _load(self, connection: Connection, table: ExternalTable) -> None:
        """An external table is a temporary one, filled from the file that came with the request."""
        parameters = self._request.parameters
        structure = parameters.get(f"{table.name}_structure", "")
        if not structure:
            types = parameters.get(f"{table.name}_types", "")
            structure = ", ".join(f"_{number} {name}" for number, name in enumerate(filter(None, types.split(",")), start=1))
        name = parameters.get(f"{table.name}_format", "TabSeparated")
        if not structure or not IDENTIFIER.fullmatch(name):
            raise ServerError(BAD_ARGUMENTS, f"External table {table.name!r} needs a structure or types, and a format")
        create = f"CREATE TEMPORARY TABLE {identifier(table.name)} ({structure}) ENGINE = Memory"
        guard.check_external(self._engine.canonical(create), self._engine.table_functions)
        connection.run(create)
        connection.insert(f"INSERT INTO {identifier(table.name)}", name, table.path)


def _outcome(result: object, with_body: bool = False) -> Outcome:
    return Outcome(
        read_rows=result.storage_rows_read(),
        read_bytes=result.storage_bytes_read(),
        written_rows=result.rows_written(),
        written_bytes=result.bytes_written(),
        result_rows=result.rows_read(),
        body=result.bytes() if with_body else b"",
    )

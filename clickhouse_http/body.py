"""A request's body: SQL, and rows or tables that go to files as they arrive, so that memory stays flat."""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from clickhouse_http.compression import Decoder
from clickhouse_http.errors import BAD_ARGUMENTS, SYNTAX_ERROR, ServerError
from clickhouse_http.request import Request
from clickhouse_http.statements import Insert, insert_with_data

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

# An INSERT's data begins within these first bytes; a statement of another kind is no longer than MAX_STATEMENT.
HEAD_BYTES = 1 << 18
MAX_STATEMENT = 1 << 24


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete."""


@dataclass
class ExternalTable:
    """A table sent with the query: ``<name>_structure`` or ``<name>_types``, ``<name>_format`` and the file."""

    name: str
    path: Path


@dataclass
class Statement:
    """What to run: SQL, or an INSERT and the file that holds its rows."""

    text: bytes = b""
    insert: Insert | None = None
    files: list[Path] = field(default_factory=list)
    tables: list[ExternalTable] = field(default_factory=list)

    def discard(self) -> None:
        for path in self.files:
            path.unlink(missing_ok=True)


def new_file(directory: Path) -> IO[bytes]:
    return NamedTemporaryFile(dir=directory, prefix="body-", delete=False)  # noqa: SIM115 - the caller closes it


async def read_statement(request: Request, receive: Receive, uploads: Path) -> Statement:
    """The statement of a request. Rows of an INSERT go to a file as they arrive, so memory stays flat."""
    statement = Statement()
    try:
        if request.multipart:
            await _read_form(request, receive, uploads, statement)
        else:
            await _read_body(request, receive, uploads, statement)
    except BaseException:
        statement.discard()
        raise
    return statement


async def _chunks(request: Request, receive: Receive) -> AsyncIterator[bytes]:
    """The body, decoded."""
    decoder = Decoder(request.headers.get("content-encoding", ""))
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        more = message.get("more_body", False)
        if data := message.get("body", b""):
            yield decoder.feed(data)
            if request.headers.get("content-encoding") and not more:
                yield decoder.finish()


async def _read_body(request: Request, receive: Receive, uploads: Path, statement: Statement) -> None:
    head = bytearray()
    if sql := request.parameters.get("query"):
        head += sql.encode("utf-8", "surrogateescape") + b"\n"
        statement.insert = insert_with_data(bytes(head))
    file = _start_file(statement, head, uploads) if statement.insert else None
    async for data in _chunks(request, receive):
        if file:
            file.write(data)
            continue
        head += data
        if len(head) > HEAD_BYTES:
            statement.insert = insert_with_data(bytes(head[:HEAD_BYTES]))
            file = _start_file(statement, head, uploads) if statement.insert else None
        if not file and len(head) > MAX_STATEMENT:
            raise ServerError(SYNTAX_ERROR, f"The statement is longer than {MAX_STATEMENT} bytes")
    if not file:
        statement.insert = insert_with_data(bytes(head))
        file = _start_file(statement, head, uploads) if statement.insert else None
    if file:
        file.close()
    statement.text = bytes(head)


def _start_file(statement: Statement, head: bytearray, uploads: Path) -> IO[bytes]:
    """Opens the file of an INSERT's rows with those that came along with the statement."""
    file = new_file(uploads)
    statement.files.append(Path(file.name))
    file.write(head[statement.insert.data_start :])
    del head[statement.insert.data_start :]
    return file


async def _read_form(request: Request, receive: Receive, uploads: Path, statement: Statement) -> None:
    _, options = parse_options_header(request.headers["content-type"])
    if b"boundary" not in options:
        raise ServerError(BAD_ARGUMENTS, "multipart/form-data without a boundary")
    form = _Form(request, uploads, statement)
    parser = MultipartParser(options[b"boundary"], form.callbacks)
    try:
        async for data in _chunks(request, receive):
            parser.write(data)
        parser.finalize()
    except FormParserError as error:
        raise ServerError(BAD_ARGUMENTS, f"The form cannot be read: {error}") from None
    statement.text = request.parameters.get("query", "").encode("utf-8", "surrogateescape")
    statement.insert = insert_with_data(statement.text)
    if statement.insert:
        head = bytearray(statement.text)
        _start_file(statement, head, uploads).close()


class _Form:
    """Fields of a form become parameters; files become external tables."""

    def __init__(self, request: Request, uploads: Path, statement: Statement) -> None:
        self._request, self._uploads, self._statement = request, uploads, statement
        self._header_name = self._header_value = b""
        self._disposition = b""
        self._name = ""
        self._value = bytearray()
        self._file: IO[bytes] | None = None

    @property
    def callbacks(self) -> dict[str, Any]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_header_name,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers,
            "on_part_data": self._on_data,
            "on_part_end": self._end,
        }

    def _begin(self) -> None:
        self._value, self._file, self._disposition = bytearray(), None, b""

    def _on_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "surrogateescape")
        if b"filename" in options:
            self._file = new_file(self._uploads)
            path = Path(self._file.name)
            self._statement.files.append(path)
            self._statement.tables.append(ExternalTable(self._name, path))

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._file:
            self._file.write(data[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > MAX_STATEMENT:
            raise ServerError(BAD_ARGUMENTS, f"The form field {self._name!r} is longer than {MAX_STATEMENT} bytes")

    def _end(self) -> None:
        if self._file:
            self._file.close()
        else:
            self._request.parameters[self._name] = self._value.decode("utf-8", "surrogateescape")

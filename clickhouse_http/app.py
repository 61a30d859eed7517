"""The ASGI application: ping, authentication, a place among the running queries, and the answer as a stream."""

import asyncio
import json
import logging
import os
import secrets
import string
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from clickhouse_http.accounts import Accounts, Caller, credentials
from clickhouse_http.body import ClientGoneError, Receive, Statement, read_statement
from clickhouse_http.compression import Encoder, choose
from clickhouse_http.config import MIB, Config
from clickhouse_http.engine import Connection, Engine
from clickhouse_http.errors import NOT_IMPLEMENTED, TOO_MANY_SIMULTANEOUS_QUERIES, UNKNOWN_EXCEPTION, ServerError
from clickhouse_http.execution import PIPE_BYTES, Execution, Outcome
from clickhouse_http.overlay import Overlay
from clickhouse_http.request import Request, Scope
from clickhouse_http.sessions import Sessions

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

log = logging.getLogger("clickhouse_http")

# A result within this size is complete before its headers go out, so that an error can still change the status.
BUFFER_BYTES = MIB
SPOOL_BYTES = 8 * MIB
# A client that takes nothing for so long loses its place.
SEND_SECONDS = 300
CONTENT_TYPES = {
    "JSON": "application/json; charset=UTF-8",
    "XML": "application/xml; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "TabSeparatedWithNames": "text/tab-separated-values; charset=UTF-8",
    "TSVWithNames": "text/tab-separated-values; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "Parquet": "application/octet-stream",
    "Native": "application/octet-stream",
}


class Application:
    def __init__(self, config: Config, engine: Engine) -> None:
        self._config = config
        self._engine = engine
        self._accounts = Accounts(config)
        self._sessions = Sessions(engine.connect)
        self._places = asyncio.Semaphore(config.connections)
        # Apart from each other, so that a reader of a result never waits for the thread that writes it.
        self._queries = ThreadPoolExecutor(config.connections, "query")
        self._readers = ThreadPoolExecutor(config.connections + 2, "reader")
        self._running: set[Execution] = set()
        self._sweeper: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._sweeper = asyncio.create_task(self._sessions.keep_sweeping())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _stop(self) -> None:
        """Close every connection and the engine."""
        self._sweeper.cancel()
        await asyncio.to_thread(self._queries.shutdown)
        self._sessions.close()
        self._engine.close()

    async def cancel_queries_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        for execution in list(self._running):
            await self._cancel(execution)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request.of(scope)
        reply = Reply(request, send, self._engine)
        try:
            if request.method not in ("GET", "HEAD", "POST"):
                await reply.plain(501, f"There is no handle {request.path} for method {request.method}\n")
            elif request.path == "/ping" or (request.reads_only and request.path == "/" and "query" not in request.parameters):
                await reply.plain(200, "Ok.\n")
            elif request.path not in ("/", "/query"):
                await reply.plain(404, f"There is no handle {request.path}\n")
            else:
                await self._answer(request, receive, reply)
        except ServerError as error:
            await reply.error(error)
        except ClientGoneError:
            log.info("client closed its connection early")
        except Exception:
            log.exception("request failed")
            await reply.error(ServerError(UNKNOWN_EXCEPTION, "The interface failed; its log says why"))

    async def _answer(self, request: Request, receive: Receive, reply: "Reply") -> None:
        caller = self._accounts.caller(*credentials(request.headers, request.parameters))
        for name in ("compress", "decompress"):
            if request.flag(name):
                raise ServerError(NOT_IMPLEMENTED, f"{name}=1 is not supported: use Content-Encoding and Accept-Encoding")
        statement = await read_statement(request, receive, self._config.uploads)
        try:
            async with self._place(), self._connection(request, caller) as (connection, overlay):
                await self._execute(request, statement, caller, connection, overlay, receive, reply)
        finally:
            statement.discard()

    @asynccontextmanager
    async def _place(self):
        """One of the queries that may run at once; TOO_MANY_SIMULTANEOUS_QUERIES after the deadline."""
        try:
            await asyncio.wait_for(self._places.acquire(), self._config.queue_seconds)
        except TimeoutError:
            raise ServerError(
                TOO_MANY_SIMULTANEOUS_QUERIES,
                f"Too many simultaneous queries. Maximum: {self._config.connections}, waited {self._config.queue_seconds} s",
            ) from None
        try:
            yield
        finally:
            self._places.release()

    @asynccontextmanager
    async def _connection(self, request: Request, caller: Caller):
        """The session's connection, or one for this request alone."""
        session_id = request.parameters.get("session_id", "")
        if session_id:
            session = self._sessions.acquire(
                caller, session_id, request.parameters.get("session_timeout", ""), request.flag("session_check")
            )
            try:
                yield session.connection, session.overlay
            finally:
                self._sessions.release(session)
            return
        loop = asyncio.get_running_loop()
        connection = await loop.run_in_executor(self._queries, self._engine.connect, caller.profile)
        try:
            yield connection, None
        finally:
            await loop.run_in_executor(self._queries, connection.close)

    async def _execute(
        self,
        request: Request,
        statement: Statement,
        caller: Caller,
        connection: Connection,
        overlay: Overlay | None,
        receive: Receive,
        reply: "Reply",
    ) -> None:
        execution = Execution(self._engine, request, statement, caller)
        self._running.add(execution)
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._queries, execution.run, connection, overlay)
        watch = asyncio.create_task(self._watch(receive, execution))
        try:
            await reply.stream(execution, work, self._readers)
        finally:
            watch.cancel()
            await self._abandon(execution, work)
            execution.close()
            self._running.discard(execution)

    async def _abandon(self, execution: Execution, work: "asyncio.Future[Outcome]") -> None:
        """Cancel what still runs and take what it still writes: the engine may wait for room in the pipe."""
        if not work.done():
            draining = asyncio.get_running_loop().run_in_executor(self._readers, _drain, execution.output)
            while not work.done():
                await self._cancel(execution)
                await asyncio.wait((work,), timeout=1)
            await draining
        if not work.cancelled():
            work.exception()  # seen, or of no interest any more

    async def _watch(self, receive: Receive, execution: Execution) -> None:
        """A client that goes away takes its query along."""
        while (await receive())["type"] != "http.disconnect":
            pass
        await self._cancel(execution)

    async def _cancel(self, execution: Execution) -> None:
        with suppress(ServerError):
            await asyncio.to_thread(self._engine.kill, execution.mark)


class Reply:
    """The answer to one request, whose headers go out when its first bytes must."""

    def __init__(self, request: Request, send: Send, engine: Engine) -> None:
        self._request = request
        self._send = send
        self._engine = engine
        self._started = False
        self._begun_at = time.monotonic()
        self._query_id = request.parameters.get("query_id") or str(uuid.uuid4())
        self._tag = "".join(secrets.choice(string.ascii_lowercase) for _ in range(16))

    async def plain(self, status: int, text: str) -> None:
        await self._start(status, [(b"content-type", b"text/html; charset=UTF-8")])
        await self._finish(text.encode())

    async def error(self, error: ServerError) -> None:
        """Before the headers the status tells; after them, the block that ClickHouse writes into the stream."""
        if self._started:
            raise error
        headers = [(b"x-clickhouse-exception-code", str(error.code).encode()), (b"content-type", b"text/plain; charset=UTF-8")]
        if error.code == 516 and "authorization" not in self._request.headers:
            headers.append((b"www-authenticate", b'Basic realm="ClickHouse server HTTP API"'))
        await self._start(error.status, headers + self._about(None, ""))
        await self._finish(error.text(self._engine.version).encode())

    async def stream(self, execution: Execution, work: "asyncio.Future[Outcome]", readers: ThreadPoolExecutor) -> None:
        """The result as the engine writes it."""
        whole = self._request.flag("wait_end_of_query")
        buffer: IO[bytes] = SpooledTemporaryFile(SPOOL_BYTES, dir=self._engine.spool)  # noqa: SIM115 - closed below
        encoder = Encoder(self._encoding(), 3)
        loop = asyncio.get_running_loop()
        try:
            while chunk := await loop.run_in_executor(readers, _read, execution.output, encoder):
                if self._started:
                    await self._body(chunk)
                    continue
                buffer.write(chunk)
                if not whole and buffer.tell() > BUFFER_BYTES:
                    await self._start_result(None, execution.format, encoder)
                    await self._drain(buffer)
            await self._end(work, execution, encoder, buffer)
        finally:
            buffer.close()

    async def _end(self, work: "asyncio.Future[Outcome]", execution: Execution, encoder: Encoder, buffer: IO[bytes]) -> None:
        try:
            outcome = await work
        except ServerError as error:
            if not self._started:
                raise
            await self._body(encoder.feed(self._exception_block(error)) + encoder.finish())
            return  # without the last chunk: the client must not take this for the whole result
        if not self._started:
            await self._start_result(outcome, execution.format, encoder)
            await self._drain(buffer)
        await self._finish(encoder.feed(outcome.body) + encoder.finish())

    def _exception_block(self, error: ServerError) -> bytes:
        text = error.text(self._engine.version).encode()
        tag = self._tag.encode()
        return b"\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n" % (tag, text, len(text), tag)

    async def _drain(self, buffer: IO[bytes]) -> None:
        buffer.seek(0)
        while data := buffer.read(BUFFER_BYTES):
            await self._body(data)

    def _encoding(self) -> str:
        return choose(self._request.headers.get("accept-encoding", "")) if self._request.flag("enable_http_compression") else ""

    async def _start_result(self, outcome: Outcome | None, output_format: str, encoder: Encoder) -> None:
        headers = self._about(outcome, output_format)
        headers.append((b"x-clickhouse-exception-tag", self._tag.encode()))
        if encoder.encoding:
            headers.append((b"content-encoding", encoder.encoding.encode()))
        await self._start(200, headers)

    def _about(self, outcome: Outcome | None, output_format: str) -> Headers:
        headers = [
            (b"x-clickhouse-query-id", self._query_id.encode("ascii", "replace")),
            (b"x-clickhouse-timezone", self._engine.timezone.encode()),
            (b"x-clickhouse-server-display-name", b"chdb"),
            (b"x-clickhouse-summary", json.dumps(self._summary(outcome), separators=(",", ":")).encode()),
        ]
        if output_format:
            headers.append((b"x-clickhouse-format", output_format.encode()))
            headers.append((b"content-type", CONTENT_TYPES.get(output_format, "text/plain; charset=UTF-8").encode()))
        return headers

    def _summary(self, outcome: Outcome | None) -> dict[str, str]:
        elapsed = int((time.monotonic() - self._begun_at) * 1e9)
        done = outcome or Outcome(0, 0, 0, 0, 0)
        return {
            "read_rows": str(done.read_rows),
            "read_bytes": str(done.read_bytes),
            "written_rows": str(done.written_rows),
            "written_bytes": str(done.written_bytes),
            "total_rows_to_read": "0",
            "result_rows": str(done.result_rows),
            "result_bytes": "0",
            "elapsed_ns": str(elapsed),
        }

    async def _start(self, status: int, headers: Headers) -> None:
        self._started = True
        await self._send({"type": "http.response.start", "status": int(status), "headers": headers})

    async def _body(self, data: bytes) -> None:
        if data and self._request.method != "HEAD":
            message = {"type": "http.response.body", "body": data, "more_body": True}
            try:
                await asyncio.wait_for(self._send(message), SEND_SECONDS)
            except TimeoutError:
                raise ClientGoneError from None

    async def _finish(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": b"" if self._request.method == "HEAD" else data})


def _drain(output: int) -> None:
    while os.read(output, PIPE_BYTES):
        pass


def _read(output: int, encoder: Encoder) -> bytes:
    """The next encoded piece of a result; empty at its end only."""
    while data := os.read(output, PIPE_BYTES):
        if encoded := encoder.feed(data):
            return encoded
    return b""

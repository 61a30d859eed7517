"""Connections that outlive a request: temporary tables and SET survive under a session id."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clickhouse_http.accounts import Caller
from clickhouse_http.errors import INVALID_SESSION_TIMEOUT, SESSION_IS_LOCKED, SESSION_NOT_FOUND, ServerError
from clickhouse_http.overlay import Overlay

if TYPE_CHECKING:
    from clickhouse_http.engine import Connection

DEFAULT_SECONDS, MAX_SECONDS = 60, 3600
SWEEP_SECONDS = 5


@dataclass
class Session:
    connection: "Connection"
    seconds: float
    locked: bool = True
    expires: float = 0.0
    overlay: Overlay = field(init=False)

    def __post_init__(self) -> None:
        self.overlay = Overlay(self.connection)


class Sessions:
    """By user and session id. A session is used by one request at a time; a second one is refused, as on the server."""

    def __init__(self, connect: "Callable[[str], Connection]", clock: Callable[[], float] = time.monotonic) -> None:
        self._connect = connect
        self._clock = clock
        self._sessions: dict[tuple[str, str], Session] = {}

    def acquire(self, caller: Caller, session_id: str, timeout: str, check: bool) -> Session:
        seconds = session_seconds(timeout)
        self.sweep()
        session = self._sessions.get((caller.user, session_id))
        if session is None:
            if check:
                raise ServerError(SESSION_NOT_FOUND, f"Session {session_id} not found")
            session = Session(self._connect(caller.profile), seconds)
            self._sessions[caller.user, session_id] = session
        elif session.locked:
            raise ServerError(SESSION_IS_LOCKED, f"Session {session_id} is locked by a concurrent client")
        session.locked, session.seconds = True, seconds
        return session

    def release(self, session: Session) -> None:
        session.locked = False
        session.expires = self._clock() + session.seconds

    def sweep(self) -> None:
        """Close what nobody used in time."""
        now = self._clock()
        for key, session in list(self._sessions.items()):
            if not session.locked and session.expires <= now:
                del self._sessions[key]
                session.connection.close()

    async def keep_sweeping(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.sweep()

    def close(self) -> None:
        for session in self._sessions.values():
            session.connection.close()
        self._sessions.clear()


def session_seconds(text: str) -> float:
    if not text:
        return DEFAULT_SECONDS
    if not text.isdecimal():
        raise ServerError(INVALID_SESSION_TIMEOUT, f"Invalid session timeout: '{text}'")
    if int(text) > MAX_SECONDS:
        raise ServerError(
            INVALID_SESSION_TIMEOUT,
            f"Session timeout '{text}' is larger than max_session_timeout: {MAX_SECONDS}",
        )
    return int(text)

"""``python -m clickhouse_http``: serve the data directory of this stack until SIGTERM."""

import asyncio
import logging
import signal
import socket
import sys

import uvicorn

from clickhouse_http.app import Application
from clickhouse_http.config import Config, config
from clickhouse_http.engine import Engine, EngineBusyError
from contracts.settings import SettingsError, settings

# Longer than clients keep an idle connection.
KEEP_ALIVE_SECONDS = 75

# For the answers that tell clients that their queries were cancelled.
FAREWELL_SECONDS = 10


class Server(uvicorn.Server):
    """Once told to stop, cancels what still runs after the grace time; its clients get ClickHouse's own error."""

    def __init__(self, known: Config, application: Application) -> None:
        self._application = application
        self._grace_seconds = known.grace_seconds
        super().__init__(
            uvicorn.Config(
                application,
                host=known.host,
                port=known.port,
                access_log=False,
                server_header=False,
                log_level="warning",
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=known.grace_seconds + FAREWELL_SECONDS,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        ending = asyncio.create_task(self._application.cancel_queries_after(self._grace_seconds))
        await super().shutdown(sockets)
        ending.cancel()


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        known = config(settings())
        engine = Engine(known)
    except (SettingsError, EngineBusyError) as error:
        print(f"clickhouse_http: {error}", file=sys.stderr)
        return 1
    # A result that breaks off is cut on purpose, and uvicorn would call that an error.
    logging.getLogger("uvicorn.error").addFilter(lambda record: "without completing response" not in record.getMessage())
    server = Server(known, Application(known, engine))
    # uvicorn raises the signal that stopped it once more when all is done; by then it has no meaning left.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())

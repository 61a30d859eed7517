"""``python -m clickhouse_http``: serve the data directory of this stack until SIGTERM."""

import logging
import signal
import sys

import uvicorn

from clickhouse_http.app import Application
from clickhouse_http.config import config
from clickhouse_http.engine import Engine, EngineBusyError
from contracts.settings import SettingsError, settings

# Longer than clients keep an idle connection.
KEEP_ALIVE_SECONDS = 75


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
    server = uvicorn.Server(
        uvicorn.Config(
            Application(known, engine),
            host=known.host,
            port=known.port,
            access_log=False,
            server_header=False,
            log_level="warning",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=known.grace_seconds,
        )
    )
    # uvicorn raises the signal that stopped it once more when all is done; by then it has no meaning left.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())

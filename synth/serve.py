"""New customers over REST, on the loopback address: ``GET /customers?count=100&seed=1`` and ``GET /report``.

Every answer is JSON. 401 without the token, 404 and 405 for other places and methods, 422 for a count or seed that is none.
"""

import hmac
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

MOST_CUSTOMERS = 10_000
LARGEST_SEED = 2**62
# Seconds after which a client that says nothing is let go.
PATIENCE = 15

Rows = list[dict[str, object]]


class RequestError(Exception):
    def __init__(self, status: int, message: str) -> None:
        self.status, self.message = status, message


def answer(path: str, sample: Callable[[int, int], Rows], report: dict[str, object]) -> dict[str, object]:
    """What a GET of a path gives; RequestError where it gives nothing."""
    parts = urlsplit(path)
    given = parse_qs(parts.query, keep_blank_values=True)
    match parts.path:
        case "/customers":
            unknown = sorted(set(given) - {"count", "seed"})
            if unknown:
                raise RequestError(422, f"unknown parameter {unknown[0]!r:.80}: count and seed are known")
            return {
                "customers": sample(_whole(given, "count", 100, 1, MOST_CUSTOMERS), _whole(given, "seed", 1, 0, LARGEST_SEED))
            }
        case "/report":
            return report
    raise RequestError(404, "there are /customers and /report")


def _whole(given: dict[str, list[str]], name: str, default: int, low: int, high: int) -> int:
    texts = given.get(name, [str(default)])
    text = texts[0]
    if len(texts) > 1 or not (text.isascii() and text.isdigit() and len(text) < 20 and low <= int(text) <= high):
        raise RequestError(422, f"{name} is not one whole number from {low} to {high}")
    return int(text)


def server(
    address: tuple[str, int], token: str, sample: Callable[[int, int], Rows], report: dict[str, object]
) -> ThreadingHTTPServer:
    """ValueError for an empty token. ``serve_forever`` starts it."""
    if not token:
        raise ValueError("the token is empty")
    expected = f"Bearer {token}".encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version, sys_version = "synth", ""
        timeout = PATIENCE

        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            try:
                if not hmac.compare_digest(self.headers.get("Authorization", "").encode("utf-8", "surrogateescape"), expected):
                    raise RequestError(401, "a bearer token is needed")
                self._send(200, answer(self.path, sample, report))
            except RequestError as error:
                self._send(error.status, {"error": error.message})
            except ValueError:  # a path that is no URL
                self._send(422, {"error": "the address cannot be read"})

        def _refuse(self) -> None:
            self.close_connection = True  # a body is not read
            self._send(405, {"error": "only GET"})

        do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = _refuse  # noqa: N815

        def _send(self, status: int, body: dict[str, object]) -> None:
            payload = json.dumps(body, allow_nan=False).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            if status == 401:
                self.send_header("WWW-Authenticate", "Bearer")
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(payload)

        def log_message(self, *_: object) -> None:
            """Quiet: an address may hold what its sender did not mean to be written down."""

    return ThreadingHTTPServer(address, Handler)

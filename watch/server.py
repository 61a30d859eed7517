"""``python -m watch.server``: /metrics for Prometheus, /alarms as JSON, and / as a page that renews itself."""

import json
import logging
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from contracts.settings import settings
from watch.alarms import Figures, Limits, alarms, figures
from watch.page import page
from watch.readings import DOCS, Reading, read

log = logging.getLogger(__name__)
LOOK_SECONDS = 15
# A look that is older says nothing about now: one of a busy store takes longer than LOOK_SECONDS.
OLD_SECONDS = 120
REMEMBERED = 120


class Watch:
    """The newest readings, and those of the last REMEMBERED looks; one thread looks, whoever asks gets what it saw."""

    def __init__(self) -> None:
        self.looked = time.monotonic()
        """When the readings were taken; before the first, since when they are awaited."""
        self.failure = ""
        """Why the newest look could not be made."""
        self.readings: list[Reading] = []
        self.alarms: list[str] = []
        self.history: deque[tuple[float, Figures]] = deque(maxlen=REMEMBERED)

    def look(self) -> None:
        readings, now = read(), time.time()
        found = figures(readings)
        # Against the oldest remembered look: a restart stays on the page for a while.
        before, earlier = self.history[0] if self.history else (now, {})
        self.readings, self.looked = readings, time.monotonic()
        self.history.append((now, found))
        self.alarms = alarms(found, earlier, now - before, Limits.of(settings()))

    def run(self) -> None:
        while True:
            began = time.monotonic()
            self.try_to_look()
            time.sleep(max(0.0, LOOK_SECONDS - (time.monotonic() - began)))

    def try_to_look(self) -> None:
        """No look that fails is the last one."""
        try:
            self.look()
            self.failure = ""
        except Exception as error:
            log.exception("the look failed")
            self.failure = f"the look failed: {type(error).__name__}: {error}"

    @property
    def age(self) -> float:
        """Seconds since the readings were taken."""
        return time.monotonic() - self.looked

    def told(self) -> list[str]:
        """The alarms, after what keeps them from being those of now."""
        old = [f"no look for {self.age:,.0f} s: what follows is as old"] if self.age > OLD_SECONDS else []
        return [*old, *filter(None, [self.failure]), *self.alarms]

    def collect(self) -> list[GaugeMetricFamily]:
        """For prometheus_client: one family a name."""
        families = {}
        for reading in (*self.readings, Reading("look_age_seconds", self.age)):
            if reading.name not in families:
                families[reading.name] = GaugeMetricFamily(reading.name, DOCS[reading.name], labels=list(reading.labels))
            families[reading.name].add_metric(list(reading.labels.values()), reading.value)
        return list(families.values())


def exposition(watch: Watch) -> bytes:
    """The readings in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(watch)  # type: ignore[arg-type]
    return generate_latest(registry)


def shown(watch: Watch) -> str:
    return page(watch.readings, watch.told(), list(watch.history), watch.age)


def handler(watch: Watch) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers = {
                "/metrics": (CONTENT_TYPE_LATEST, lambda: exposition(watch)),
                "/alarms": ("application/json", lambda: json.dumps(watch.told()).encode()),
                "/": ("text/html; charset=utf-8", lambda: shown(watch).encode()),
            }
            if self.path not in answers:
                self.send_error(404)
                return
            kind, make = answers[self.path]
            body = make()
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Every look of a scraper would be a line."""

    return Handler


def main() -> None:
    watch = Watch()
    threading.Thread(target=watch.run, daemon=True).start()
    s = settings()
    ThreadingHTTPServer((s.bind_address, s.port("WATCH")), handler(watch)).serve_forever()


if __name__ == "__main__":
    main()

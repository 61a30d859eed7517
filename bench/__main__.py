"""``python -m bench [part …]``: measure a running stack that has had its demo, write bench/results.json and the README's figures.

Parts that are not named keep the figures of their last measurement.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import readme
from bench.changes import changes
from bench.highest import highest
from bench.latency import latency
from bench.machine import machine, moment, speed
from bench.marts import marts
from bench.memory import memory
from bench.models import models
from bench.storage import storage
from bench.throughput import throughput
from bench.usual import usual
from contracts.settings import settings


def demo_summary() -> Path:
    return settings().var / "demo" / "summary.json"


def demo() -> dict[str, object]:
    """Times of this stack's last demo."""
    found = json.loads(demo_summary().read_text())
    return {
        "customers": found["hops"]["customers"]["sent"],
        "stages": found["seconds"],
        "seconds": round(sum(found["seconds"].values()), 1),
        "command": "make demo",
    }


def sizes(name: str, usual: str) -> list[int]:
    """A setting's numbers, by space."""
    return [int(size) for size in settings().get(name, usual).split()]


def main(names: Sequence[str]) -> int:
    s = settings()
    if not demo_summary().exists():
        print(f"bench: no {demo_summary()}: run `make demo` first, the batch side needs its customers", file=sys.stderr)
        return 1
    parts = {
        "demo": demo,
        # The backlogs first: they also have the JVMs compile what a stack that has run for a while has compiled.
        "throughput": lambda: throughput(s.number("BENCH_EVENTS", 500_000), s.number("BENCH_CUSTOMERS", 20_000)),
        "usual": lambda: usual(s.number("BENCH_USUAL_EVENTS", 300_000)),
        "latency": lambda: latency(s.number("BENCH_LIVE_RATE", 2000), s.number("BENCH_LIVE_SECONDS", 150)),
        "highest": lambda: highest(
            sizes("BENCH_LIVE_RATES", "2000 3000 4000 5000 6000 8000 10000"), s.number("BENCH_LIVE_SECONDS", 150)
        ),
        "changes": lambda: changes(s.number("BENCH_CHANGE_RATE", 2000), 30, s.number("BENCH_CHANGE_BULK", 300_000)),
        "memory": memory,
        "storage": storage,
        "marts": lambda: marts(sizes("BENCH_MART_EVENTS", "1000000 5000000")),
        "models": lambda: models(sizes("BENCH_CHURN_CUSTOMERS", "200000"), sizes("BENCH_SEGMENT_CUSTOMERS", "200000 2000000")),
    }
    if unknown := set(names) - set(parts):
        print(f"bench: no part is called {', '.join(sorted(unknown))}; there are {', '.join(parts)}", file=sys.stderr)
        return 2
    kept = json.loads(readme.RESULTS.read_text()) if names else {}
    results: dict[str, object] = kept | {"machine": machine()}
    for name in names or parts:
        print(f"bench: {name}", flush=True)
        results[name] = measured(parts[name])
        print(json.dumps(results[name], indent=2), flush=True)
        # One that fails leaves the figures of those before it.
        readme.RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    readme.main()
    return 0


def measured(measure: Callable[[], dict[str, object]]) -> dict[str, object]:
    return {"speed": speed()} | measure() | {"measured_at": moment()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

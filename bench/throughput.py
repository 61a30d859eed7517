"""How fast one generator process sends, and how fast Flink catches up through everything it computes."""

import re
import subprocess
import time

from contracts.settings import ROOT
from flink_jobs import INTAKE
from flink_jobs.submit import running_since, stop, submit
from runner.tools import python
from verify.settle import flink_lag, settle, wait_for_flink

CATCH_UP_SECONDS = 1800


def generate(*arguments: str) -> float:
    """Run a generator to its end; records a second, without its start-up, by its own closing line."""
    done = subprocess.run(
        [python("core"), "-m", "generators", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=CATCH_UP_SECONDS
    )
    if done.returncode:
        raise RuntimeError(f"generators {arguments[0]} failed: {done.stderr.strip().splitlines()[-1]}")
    return rate(done.stderr)


def rate(output: str) -> float:
    """Records a second, of a generator's closing line."""
    found = re.search(r"([\d,]+) records in [\d,.]+ s, ([\d,]+)/s", output)
    if not found:
        raise RuntimeError(f"no rate in {output[-300:]!r}")
    return float(found[2].replace(",", ""))


def throughput(events: int) -> dict[str, object]:
    """The backlog is sent while the job is stopped, so that the two do not share the cores."""
    settle()
    stop()
    sent = generate("web_events", "--rate", "max", "--events", str(events), "--seed", "901")
    backlog = flink_lag()
    submit()
    wait_for_flink(time.monotonic() + CATCH_UP_SECONDS, lambda text: print(text, flush=True))
    passed = time.time() - running_since(INTAKE)
    return {
        "generator_events_per_second": round(sent),
        "flink_backlog_events": backlog,
        "flink_catch_up_events_per_second": round(backlog / passed),
        "command": "make bench: generators web_events --rate max; both jobs, from their start until the backlog is written",
    }

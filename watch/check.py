"""``python -m watch.check``: one look, against the last one; alarms are printed and sent. Run by the DAG stream_watch."""

import json
import sys
import time
from pathlib import Path

from alerts.channels import AlertError, send
from alerts.messages import Message
from contracts.settings import settings
from watch.alarms import Figures, Limits, alarms, figures
from watch.readings import read


def memory() -> Path:
    return settings().var / "watch" / "last.json"


def remembered(now: float) -> tuple[float, Figures]:
    """When the last look was, and what it saw; now and nothing at the first."""
    if not memory().exists():
        return now, {}
    kept = json.loads(memory().read_text())
    return kept["at"], {(name, tuple(labels)): value for name, labels, value in kept["figures"]}


def remember(now: float, seen: Figures) -> None:
    """Written beside and renamed: a look that is cut short leaves the last one."""
    memory().parent.mkdir(parents=True, exist_ok=True)
    unfinished = memory().with_suffix(".unfinished")
    unfinished.write_text(json.dumps({"at": now, "figures": [[name, labels, value] for (name, labels), value in seen.items()]}))
    unfinished.rename(memory())


def main() -> int:
    now, seen = time.time(), figures(read())
    before, earlier = remembered(now)
    found = alarms(seen, earlier, now - before, Limits.of(settings()))
    print("\n".join(found) or "nothing is alarming", flush=True)
    if found:
        try:
            send(Message(f"Stream: {found[0]}" + (f" and {len(found) - 1} more" if found[1:] else ""), tuple(found)), settings())
        except AlertError as error:
            # Not remembered: the next try finds the same once more.
            print(f"the alarm was not sent: {error}", file=sys.stderr)
            return 1
    remember(now, seen)
    return 0


if __name__ == "__main__":
    sys.exit(main())

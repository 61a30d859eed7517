"""One start at a time per VAR_DIR: two at once would stop each other's services and submit a job twice."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from contracts.settings import settings


@contextmanager
def starting(wait: bool = True) -> Iterator[bool]:
    """Hold the lock; where another start holds it, wait for its end, or do without and yield False."""
    path = settings().var / "run" / "up.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                yield False
                return
            print(f"waiting for another start in {settings().var} to end", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield True

"""What the services' logs say last, and of an end too early."""

import re
from pathlib import Path

from contracts.settings import settings
from runner.service import StackError
from runner.supervisor import log_file

READ_BYTES = 256 * 1024
# A level, or where an exception is told: lines that only speak of one are in many logs.
TROUBLE = re.compile(r"\b(ERROR|FATAL)\b|^(Exception in thread|Traceback|[\w.]+(Exception|Error)\b)")


def written(path: Path, since: int = 0) -> list[str]:
    """The file's last READ_BYTES as lines, only of what was written after the byte ``since`` where the file still has that."""
    if not path.exists():
        return []
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - READ_BYTES, since if since <= size else 0))
        return file.read().decode(errors="replace").splitlines()


def excerpt(found: list[str], lines: int) -> list[str]:
    """The last lines, and in place of their beginning the first that tells of trouble: a long stack trace pushes that out."""
    earlier, end = found[:-lines], found[-lines:]
    first = next((line for line in earlier if TROUBLE.search(line)), None)
    return end if first is None else [first, "…", *end[2:]]


def show(name: str | None, names: list[str]) -> None:
    """Print the end of one service's log, or a few lines of each."""
    if name and name not in names:
        raise StackError(f"no part is called {name!r}; logs are of {', '.join(names)}")
    for each in [name] if name else names:
        found = written(log_file(each))[-(100 if name else 8) :]
        print(f"== {each}: {log_file(each) if found else f'nothing in {settings().var}'}")
        print("\n".join(found))

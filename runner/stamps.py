"""Remember for which inputs a slow step was done, so that it is not done again for the same ones."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from contracts.settings import settings


def once(name: str, inputs: Iterable[str], work: Callable[[], object]) -> None:
    """Do the work unless it was done for these inputs in this VAR_DIR."""
    stamp = settings().var / "run" / f"{name}.done"
    digest = hashlib.sha256("\0".join(inputs).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    work()
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(digest)


def files(directory: Path) -> list[str]:
    """Names and contents of a directory's files, as inputs."""
    found = sorted(path for path in directory.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return [f"{path.relative_to(directory)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}" for path in found]

"""How many equal rows stand before each row of a file, exactly and in constant memory.

The digests of all rows go to a temporary file; it is then read once for every group of digests that fits into memory.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from generators.columns import place_in_run, run_starts

GROUP_ROWS = 1_000_000
CHUNK_ROWS = 1_000_000


class Occurrences:
    """Give ``add`` every row's digest, then ``counts`` returns one number a row, in order."""

    def __init__(self, digests: BinaryIO, counts: BinaryIO) -> None:
        self._digests, self._counts = digests, counts
        self._pending: list[int] = []
        self.rows = 0

    def add(self, digest: str) -> None:
        """``digest``: hexadecimal, 64 bits or more."""
        self._pending.append(int(digest[:16], 16))
        if len(self._pending) >= CHUNK_ROWS // 10:
            self._write()

    def _write(self) -> None:
        self._digests.write(np.array(self._pending, dtype=np.uint64).tobytes())
        self.rows += len(self._pending)
        self._pending = []

    def counts(self) -> Iterator[int]:
        self._write()
        self._counts.truncate(self.rows * 4)
        groups = max(1, -(-self.rows // GROUP_ROWS))
        for group in range(groups):
            self._count(group, groups)
        self._counts.seek(0)
        while chunk := self._counts.read(4 * 65_536):
            yield from np.frombuffer(chunk, dtype=np.uint32).tolist()

    def _count(self, group: int, groups: int) -> None:
        """Number the equal digests of one group; only rows with an equal one before them are written, the rest stay 0."""
        digests, rows = [], []
        for begin, chunk in self._chunks():
            mine = np.flatnonzero(chunk % np.uint64(groups) == group)
            digests.append(chunk[mine])
            rows.append(begin + mine)
        if not digests:
            return
        digest, row = np.concatenate(digests), np.concatenate(rows)
        order = np.argsort(digest, kind="stable")
        digest, row = digest[order], row[order]
        first = run_starts(digest)
        number = place_in_run(first)
        for place, count in zip(row[~first].tolist(), number[~first].tolist(), strict=True):
            self._counts.seek(place * 4)
            self._counts.write(np.uint32(count).tobytes())

    def _chunks(self) -> Iterator[tuple[int, np.ndarray]]:
        self._digests.seek(0)
        begin = 0
        while data := self._digests.read(CHUNK_ROWS * 8):
            chunk = np.frombuffer(data, dtype=np.uint64)
            yield begin, chunk
            begin += len(chunk)


@contextmanager
def open_occurrences(directory: Path) -> Iterator[Occurrences]:
    """With temporary files there, 12 bytes a row."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=directory) as digests, tempfile.TemporaryFile(dir=directory) as counts:
        yield Occurrences(digests, counts)

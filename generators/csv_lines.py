"""A CSV file, plain or gzip, as numbered records, in constant memory and without giving up on a bad line."""

import csv
import gzip
import io
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from contracts.topics import MAX_MESSAGE_BYTES

BOM = b"\xef\xbb\xbf"
GZIP = b"\x1f\x8b"
# A line's bytes are kept up to here.
MAX_LINE_BYTES = MAX_MESSAGE_BYTES
# A quoted field may run over so many lines; a quote that was left open costs no more than its own line.
MAX_QUOTED_LINES = 50


class ReplayError(ValueError):
    """The file cannot be replayed; the message names the file and why."""


class BadLineError(ValueError):
    """A line that makes no event; the message names column and value."""


class Line(NamedTuple):
    """``raw``: its bytes without the line end, at most MAX_LINE_BYTES of ``size``."""

    number: int
    raw: bytes
    size: int


class Record(NamedTuple):
    """A line with its fields, or with what is wrong with it."""

    line: Line
    fields: list[str]
    problem: str = ""


class CsvFile:
    """An open file: its columns, its records after the header, and how far it was read."""

    def __init__(self, path: Path, raw: BinaryIO, stream: BinaryIO) -> None:
        self._path, self._raw = path, raw
        self._lines = _lines(stream)
        self.columns = self._header()

    def _header(self) -> list[str]:
        line = next((line for line in self._lines if line.raw.strip()), None)
        if line is None:
            raise ReplayError(f"{self._path} is empty")
        try:
            names = parse(line._replace(raw=line.raw.removeprefix(BOM), size=line.size - len(BOM) * line.raw.startswith(BOM)))
        except BadLineError as error:
            raise ReplayError(f"{self._path}: the header cannot be read: {error}") from None
        return [name.strip().lower() for name in names]

    @property
    def position(self) -> int:
        """Bytes of the file (as stored) read so far."""
        return self._raw.tell()

    def records(self) -> Iterator[Record]:
        """One for each line that is not blank; a record whose quoted field holds line ends counts as its first line."""
        width, lines = len(self.columns), deque[Line]()
        while True:
            line = lines.popleft() if lines else next(self._lines, None)
            if line is None:
                return
            if not line.raw.strip():
                continue
            try:
                yield _record(line, parse(line), width)
            except OpenQuoteError:
                yield self._quoted(line, lines, width)
            except BadLineError as error:
                yield Record(line, [], str(error))

    def _quoted(self, first: Line, lines: deque[Line], width: int) -> Record:
        """A record over several lines. Lines that do not belong to it are put back."""
        joined, taken = first, []
        for _ in range(MAX_QUOTED_LINES):
            line = lines.popleft() if lines else next(self._lines, None)
            if line is None:
                break
            taken.append(line)
            if joined.size > MAX_LINE_BYTES:
                break
            joined = Line(first.number, joined.raw + b"\n" + line.raw, joined.size + 1 + line.size)
            if b'"' not in line.raw:
                continue
            try:
                fields = parse(joined)
            except OpenQuoteError:
                continue
            except BadLineError:
                break
            if len(fields) == width:
                return Record(joined, fields)
            break
        lines.extendleft(reversed(taken))
        return Record(first, [], "a quote is left open")


class OpenQuoteError(BadLineError):
    """The line ends within a quoted field."""


@contextmanager
def open_csv(path: Path) -> Iterator[CsvFile]:
    """Plain or gzip, told by its first bytes. ReplayError where it is missing, unreadable or cut off."""
    if not path.is_file():
        raise ReplayError(f"{path} {'is not a regular file' if path.exists() else 'does not exist'}")
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == GZIP
            raw.seek(0)
            stream = io.BufferedReader(gzip.GzipFile(fileobj=raw), 1 << 20) if packed else raw
            yield CsvFile(path, raw, stream)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ReplayError(f"{path} is a damaged gzip file: {error}") from None
    except PermissionError:
        raise ReplayError(f"{path} may not be read") from None


def parse(line: Line) -> list[str]:
    """The fields. BadLineError where the line is too long, not UTF-8, holds NUL or breaks the rules of quoting."""
    if line.size > len(line.raw):
        raise BadLineError(f"the line has {line.size:,} bytes, more than {MAX_LINE_BYTES:,}")
    try:
        text = line.raw.decode()
    except UnicodeDecodeError as error:
        raise BadLineError(f"not UTF-8: byte {error.object[error.start]:#04x} at position {error.start}") from None
    if "\0" in text:
        raise BadLineError(f"NUL at position {text.index(chr(0))}")
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            raise OpenQuoteError("a quote is left open") from None
        raise BadLineError(str(error)) from None


def _record(line: Line, fields: list[str], width: int) -> Record:
    if len(fields) != width:
        return Record(line, [], f"{len(fields)} columns where the header has {width}")
    return Record(line, fields)


def _lines(stream: BinaryIO) -> Iterator[Line]:
    read: Callable[[int], bytes] = stream.readline
    number = 0
    while raw := read(MAX_LINE_BYTES + 2):
        number += 1
        text = raw.rstrip(b"\r\n")
        if len(text) <= MAX_LINE_BYTES:
            yield Line(number, text, len(text))
        else:
            yield Line(number, text[:MAX_LINE_BYTES], len(raw) + _rest_of_line(raw, read))


def _rest_of_line(begun: bytes, read: Callable[[int], bytes]) -> int:
    """Skip to the end of the line; returns how many bytes that was."""
    size, last = 0, begun
    while not last.endswith(b"\n") and (last := read(MAX_LINE_BYTES)):
        size += len(last)
    return size

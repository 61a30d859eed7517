"""Content-Encoding in both directions, a piece at a time."""

import zlib
from collections.abc import Callable

import lz4.frame
import zstandard

from clickhouse_http.errors import CANNOT_DECOMPRESS, UNKNOWN_COMPRESSION_METHOD, ServerError

# A window larger than this would let one request claim much memory.
ZSTD_WINDOW = 1 << 27


class _Identity:
    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


class _Zlib:
    """gzip and deflate; deflate is taken with or without the zlib header."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._stream = zlib.decompressobj(window)
        self._started = False

    def feed(self, data: bytes) -> bytes:
        out = []
        while data:
            if self._stream.eof:  # several gzip members one after the other
                self._stream = zlib.decompressobj(self._window)
            out.append(self._decompress(data))
            data = self._stream.unused_data
        return b"".join(out)

    def _decompress(self, data: bytes) -> bytes:
        try:
            result = self._stream.decompress(data)
        except zlib.error:
            if self._started or self._window != zlib.MAX_WBITS:
                raise
            self._window = -zlib.MAX_WBITS
            self._stream = zlib.decompressobj(self._window)
            result = self._stream.decompress(data)
        self._started = True
        return result

    def finish(self) -> bytes:
        if not self._stream.eof:
            raise EOFError("the data ends too early")
        return b""


class _Frames:
    """lz4 and zstd: frames one after the other."""

    def __init__(self, new: Callable[[], object]) -> None:
        self._new = new
        self._stream = new()
        self._fed = False

    def feed(self, data: bytes) -> bytes:
        out = []
        while data:
            if self._stream.eof:
                self._stream = self._new()
            out.append(self._stream.decompress(data))
            self._fed = True
            data = (self._stream.unused_data or b"") if self._stream.eof else b""
        return b"".join(out)

    def finish(self) -> bytes:
        if self._fed and not self._stream.eof:
            raise EOFError("the data ends too early")
        return b""


DECODERS: dict[str, Callable[[], object]] = {
    "": _Identity,
    "identity": _Identity,
    "gzip": lambda: _Zlib(zlib.MAX_WBITS | 16),
    "deflate": lambda: _Zlib(zlib.MAX_WBITS),
    "lz4": lambda: _Frames(lz4.frame.LZ4FrameDecompressor),
    "zstd": lambda: _Frames(zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW).decompressobj),
}


class Decoder:
    """A request body's encoding; ServerError where it is unknown or the data does not follow it."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding.strip().lower()
        if self._encoding not in DECODERS:
            raise ServerError(UNKNOWN_COMPRESSION_METHOD, f"Unknown compression method: {encoding}")
        self._stream = DECODERS[self._encoding]()

    def feed(self, data: bytes) -> bytes:
        return self._guard(lambda: self._stream.feed(data))

    def finish(self) -> bytes:
        return self._guard(self._stream.finish)

    def _guard(self, work: Callable[[], bytes]) -> bytes:
        try:
            return work()
        except (zlib.error, RuntimeError, zstandard.ZstdError, EOFError) as error:
            raise ServerError(CANNOT_DECOMPRESS, f"Cannot decompress the {self._encoding} request body: {error}") from None


class _Lz4Encoder:
    def __init__(self) -> None:
        self._stream = lz4.frame.LZ4FrameCompressor()
        self._head = self._stream.begin()

    def compress(self, data: bytes) -> bytes:
        head, self._head = self._head, b""
        return head + self._stream.compress(data)

    def flush(self) -> bytes:
        head, self._head = self._head, b""
        return head + self._stream.flush()


ENCODERS: dict[str, Callable[[int], object]] = {
    "lz4": lambda level: _Lz4Encoder(),
    "zstd": lambda level: zstandard.ZstdCompressor(level=min(level, 19)).compressobj(),
    "gzip": lambda level: zlib.compressobj(min(level, 9), zlib.DEFLATED, zlib.MAX_WBITS | 16),
    "deflate": lambda level: zlib.compressobj(min(level, 9), zlib.DEFLATED, zlib.MAX_WBITS),
}


def choose(accept_encoding: str) -> str:
    """The first encoding the client names that is known; empty for none."""
    for part in accept_encoding.split(","):
        name, _, quality = part.strip().lower().partition(";")
        if name.strip() in ENCODERS and quality.replace(" ", "") not in ("q=0", "q=0.0"):
            return name.strip()
    return ""


class Encoder:
    """A response body's encoding; the empty name passes through."""

    def __init__(self, encoding: str, level: int = 3) -> None:
        self.encoding = encoding
        self._stream = ENCODERS[encoding](max(level, 1)) if encoding else None

    def feed(self, data: bytes) -> bytes:
        return self._stream.compress(data) if self._stream else data

    def finish(self) -> bytes:
        return self._stream.flush() if self._stream else b""

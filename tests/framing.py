"""A framed record as Flink's SQL makes it (tests/integration/test_crossing.py holds the two together)."""

from base64 import b64encode

from flink_jobs.crossing import NO_KEY, SPACE


def frame(value: bytes | None, key: bytes | None, partition: int = 0, offset: int = 0) -> bytes:
    parts = [str(partition).encode(), str(offset).encode(), NO_KEY if key is None else b64encode(key)]
    return SPACE.join(parts if value is None else [*parts, value])

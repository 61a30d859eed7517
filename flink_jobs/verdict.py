"""What the pipeline says of one record: the validator's answer as the bytes that travel on. Pure, and total.

A verdict is the hash of the event id, the record as JSON, and its fields as the results take them; or DEAD, the dead letter as
JSON, and nothing.
"""

import base64
import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from contracts.topics import Stream
from flink_jobs.fields import packer
from flink_jobs.validate import InvalidError, validator

# In the place of the hash.
DEAD = b""
Verdict = tuple[bytes, bytes, bytes]

encode = msgspec.json.Encoder().encode


def verdict_of(stream: Stream, tolerance: timedelta) -> Callable[[bytes | None, bytes | None, int, int], Verdict]:
    """(value, key, partition, offset) -> verdict; never raises, whatever the bytes."""
    read, pack = validator(stream.event, tolerance), packer(stream)

    def verdict(value: bytes | None, key: bytes | None, partition: int, offset: int) -> Verdict:
        try:
            record = read(value, key)
        except InvalidError as fault:
            return DEAD, encode(dead_letter(stream, fault, value, key, partition, offset)), b""
        record.source_partition, record.source_offset = partition, offset
        return event_hash(record.event_id), encode(record), pack(record)

    return verdict


def event_hash(event_id: str) -> bytes:
    """MD5: short keys keep the state of deduplication small."""
    return hashlib.md5(event_id.encode(), usedforsecurity=False).digest()


def dead_letter(
    stream: Stream, fault: InvalidError, value: bytes | None, key: bytes | None, partition: int, offset: int
) -> dict[str, object]:
    """The fields of contracts.events.DEAD_LETTER."""
    return {
        "reason": fault.reason,
        "message": fault.message.encode(errors="replace").decode(),
        "raw_value": None if value is None else base64.b64encode(value).decode(),
        "raw_key": None if key is None else base64.b64encode(key).decode(),
        "stream": stream.event.name,
        "source_topic": stream.source,
        "source_partition": partition,
        "source_offset": offset,
        "dead_at": datetime.fromtimestamp(int(time.time() * 1000) / 1000, UTC),
    }

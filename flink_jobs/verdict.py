"""What the pipeline says of one record: the validator's answer as the bytes that travel on. Pure, and total.

A verdict is the hash of the event id with the fields as the results take them, and the record as JSON; or DEAD, and the dead
letter as JSON.
"""

import base64
import hashlib
import time
from binascii import b2a_base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from contracts.topics import Stream
from flink_jobs.crossing import DEAD, HASH_LENGTH, SEPARATOR, Verdict, packer, unframed
from flink_jobs.validate import InvalidError, validator

HASH_BYTES = HASH_LENGTH * 6 // 8  # in base64

encode = msgspec.json.Encoder().encode


def verdict_of(stream: Stream, tolerance: timedelta) -> Callable[[bytes], Verdict]:
    """Framed record -> verdict; never raises, whatever the bytes of the record."""
    read, pack = validator(stream.event, tolerance), packer(stream)

    def verdict(frame: bytes) -> Verdict:
        value, key, partition, offset = unframed(frame)
        try:
            record = read(value, key)
        except InvalidError as fault:
            return DEAD, encode(dead_letter(stream, fault, value, key, partition, offset))
        record.source_partition, record.source_offset = partition, offset
        return event_hash(record.event_id) + SEPARATOR + pack(record), encode(record)

    return verdict


def event_hash(event_id: str) -> bytes:
    """96 bits as text: short keys keep the state of deduplication small, and of 10^9 ids two are alike once in 10^11 shops."""
    return b2a_base64(hashlib.blake2b(event_id.encode(), digest_size=HASH_BYTES).digest(), newline=False)


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

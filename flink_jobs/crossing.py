"""How a record crosses from Flink into Python, as one value, and its verdict back, as two, which the other side cuts.

Each further argument, and a row in place of an array, costs more than a part of the judging (docs/decisions/0001).
"""

from binascii import a2b_base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from operator import attrgetter

from contracts.events import SOURCE_POSITION
from contracts.topics import PURCHASES, WEB, Stream
from contracts.types import Column, Type
from flink_jobs.validate import Record

# In front of the value, which may hold any bytes, stand two numbers and the key in base64 or the mark of its absence.
SPACE, NO_KEY = b" ", b"-"

# A verdict: the hash of the event id with the fields behind it, and what a topic takes. The separator is in none of the fields:
# the validator sets records with a NUL aside.
Verdict = tuple[bytes, bytes]
SEPARATOR = b"\0"
HASH_LENGTH = 16
# In the place of hash and fields.
DEAD = b""

# What no result shows does not travel.
UNREAD = {WEB: {"event_id", "schema_version", "product_id", "category", "brand"}, PURCHASES: {"schema_version"}}

EPOCH, MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)


def first_position(stream: Stream, column: Column) -> str:
    """A part of a record's position as text, in SQL of the source's columns: Kafka's own, or that of its header where it is
    tried again and keeps what it had first. Elsewhere a header of that name is somebody else's, and so is one that holds no
    number: failing on it would stop the job for good."""
    held = f"TRY_CAST(CAST(headers['{column.name}'] AS STRING) AS {column.type.flink})"
    retried = f"CASE WHEN source_topic = '{stream.retried}' THEN {held} END"
    return f"CAST(COALESCE({retried}, {column.name}) AS STRING)"


def framed(value: str, key: str, position: list[str]) -> str:
    """A record as one BYTES, of SQL's expressions of texts: text that came out of bytes is those bytes, valid or not."""
    space = f"'{SPACE.decode()}'"
    before = f", {space}, ".join([*position, f"COALESCE(TO_BASE64({key}), '{NO_KEY.decode()}')"])
    # Not ``||``, which joins Java's strings: bytes that are no UTF-8 would not survive.
    return f"CAST(CONCAT({before}, COALESCE(CONCAT({space}, {value}), '')) AS BYTES)"


def unframed(frame: bytes) -> tuple[bytes | None, bytes | None, int, int]:
    """(value, key, partition, offset) of a framed record."""
    partition, offset, key, *value = frame.split(SPACE, len(SOURCE_POSITION) + 1)
    return value[0] if value else None, None if key == NO_KEY else a2b_base64(key), int(partition), int(offset)


def columns(stream: Stream) -> tuple[Column, ...]:
    """The fields that results read, in the order in which they are packed."""
    return tuple(column for column in stream.event.fields if column.name not in UNREAD[stream])


def packer(stream: Stream) -> Callable[[Record], bytes]:
    """Record -> its columns as text. None is empty, which no text is; times are milliseconds since 1970."""
    values = attrgetter(*(column.name for column in columns(stream)))
    separator = SEPARATOR.decode()

    def text(value: object) -> str:
        if value is None:
            return ""
        return str((value - EPOCH) // MILLISECOND) if type(value) is datetime else str(value)

    def pack(record: Record) -> bytes:
        return separator.join([value if type(value) is str else text(value) for value in values(record)]).encode()

    return pack


# In SQL, where arrays begin with 1. ``SUBSTRING`` would count all characters to take the first.
OF_VERDICT = "verdict[1] AS fields, verdict[2] AS payload"
IS_DEAD = f"fields = X'{DEAD.hex()}'"
EVENT_HASH = f"CAST(fields AS VARCHAR({HASH_LENGTH}))"
CUT = f"SPLIT(CAST(fields AS STRING), U&'\\{ord(SEPARATOR):04x}')"
# Of what was cut: the hash comes first.
FIRST_FIELD = 2


def key_of(stream: Stream) -> str:
    """The record's key, which is the customer's id."""
    return f"packed[{FIRST_FIELD + [column.name for column in columns(stream)].index('customer_id')}]"


def unpacked(stream: Stream) -> str:
    """The columns as SQL takes them out of the array ``packed``."""
    places = enumerate(columns(stream), start=FIRST_FIELD)
    return ", ".join(f"{_value(column, place)} AS {column.name}" for place, column in places)


def _value(column: Column, place: int) -> str:
    text = f"NULLIF(packed[{place}], '')" if column.nullable else f"packed[{place}]"
    match column.type:
        case Type.TEXT | Type.LABEL:
            return text
        case Type.TIMESTAMP:
            return f"TO_TIMESTAMP_LTZ(CAST({text} AS BIGINT), 3)"
        case _:
            return f"CAST({text} AS {column.type.flink})"

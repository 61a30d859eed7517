"""What makes a record valid. Pure: bytes in, a record or the reason out; the only place where an event is judged.

Two readings of one contract. The fast one decodes straight into the typed record and accepts most of what is valid; what it
declines is read again field by field, which accepts the rest or names the reason. What the fast one accepts, the slow one
accepts with the same values (tests/unit/test_validate.py); only a number too large for a double, in a field
that the contract lacks, is skipped by the one and malformed to the other.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
import orjson

from contracts.events import (
    EARLIEST_EVENT_TIME,
    MAX_EVENT_BYTES,
    MAX_TEXT_CHARACTERS,
    SCHEMA_VERSION,
    SOURCE_POSITION,
    Event,
    Reason,
)
from contracts.types import Column, Type

Record = msgspec.Struct
MONEY_SCALE = 4
# What the columns hold: numeric(18, 4) and integer. For a double, the last whole number before.
HOLDS = {Type.MONEY: (1 - 10**14, 10**14 - 1), Type.INTEGER: (-(2**31), 2**31 - 1)}


class InvalidError(Exception):
    """A record breaks the contract; carries the reason and a message that names the field."""

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason, self.message = reason, message


def shown(value: Any) -> str:
    """A value as messages show it: a part of it, or only its kind where it is nested too deep to be written."""
    try:
        return f"{value!r:.80}"
    except RecursionError:
        return f"a {type(value).__name__}"


def parse_time(text: str) -> datetime:
    """The moment of an ISO 8601 time with a zone, in UTC and whole milliseconds; ValueError for anything else."""
    try:
        moment = msgspec.convert(text, datetime)  # as the fast reader does it, which knows RFC 3339 alone
    except msgspec.ValidationError:
        moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return _whole_milliseconds(moment.astimezone(UTC))


def _whole_milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


EARLIEST = parse_time(EARLIEST_EVENT_TIME)


def _text(column: Column) -> Callable[[Any, datetime], str]:
    name, allowed = column.name, frozenset(column.allowed)

    def read(value: Any, latest: datetime) -> str:
        if type(value) is not str:
            raise InvalidError(Reason.WRONG_TYPE, f"{name}: expected text, found {shown(value)}")
        if allowed and value not in allowed:
            raise InvalidError(Reason.UNKNOWN_TYPE, f"{name}: {shown(value)} is none of {', '.join(column.allowed)}")
        if not value or "\0" in value:
            raise InvalidError(Reason.WRONG_TYPE, f"{name}: {'empty' if not value else 'contains a NUL byte'}")
        if len(value) > MAX_TEXT_CHARACTERS:
            raise InvalidError(Reason.OUT_OF_RANGE, f"{name}: {len(value)} characters, more than {MAX_TEXT_CHARACTERS}")
        return value

    return read


def _integer(column: Column) -> Callable[[Any, datetime], int]:
    name, (lowest, highest) = column.name, bounds(column)

    def read(value: Any, latest: datetime) -> int:
        if type(value) is not int:
            raise InvalidError(Reason.WRONG_TYPE, f"{name}: expected a whole number, found {shown(value)}")
        if not lowest <= value <= highest:
            raise InvalidError(Reason.OUT_OF_RANGE, f"{name}: {value} is not within {lowest} to {highest}")
        return value

    return read


def _money(column: Column) -> Callable[[Any, datetime], float]:
    name, (lowest, highest) = column.name, bounds(column)

    def read(value: Any, latest: datetime) -> float:
        if type(value) is not float and type(value) is not int:
            raise InvalidError(Reason.WRONG_TYPE, f"{name}: expected a number, found {shown(value)}")
        if not lowest <= value <= highest:
            raise InvalidError(Reason.OUT_OF_RANGE, f"{name}: {value} is not within {lowest} to {highest}")
        return round(float(value), MONEY_SCALE)

    return read


def _timestamp(column: Column) -> Callable[[Any, datetime], datetime]:
    name = column.name

    def read(value: Any, latest: datetime) -> datetime:
        try:
            moment = parse_time(value)
        except (TypeError, ValueError, OverflowError):
            raise InvalidError(Reason.BAD_TIME, f"{name}: {shown(value)} is not a time in ISO 8601 with a zone") from None
        if not EARLIEST <= moment <= latest:
            raise InvalidError(Reason.BAD_TIME, f"{name}: {value} lies before {EARLIEST_EVENT_TIME} or too far ahead")
        return moment

    return read


def bounds(column: Column) -> tuple[int, int]:
    """The least and the greatest value of a number: the contract's, or what its type holds."""
    least, greatest = HOLDS[column.type]
    return least if column.minimum is None else column.minimum, greatest if column.maximum is None else column.maximum


READERS = {Type.TEXT: _text, Type.LABEL: _text, Type.INTEGER: _integer, Type.MONEY: _money, Type.TIMESTAMP: _timestamp}


def record_type(event: Event) -> type[Record]:
    """The typed record of a stream: its fields in the contract's order, then where it came from."""
    fields = [
        (column.name, _annotation(column) | None, None) if column.nullable else (column.name, _annotation(column))
        for column in event.fields
    ]
    position = [(column.name, Any, None) for column in SOURCE_POSITION]
    return msgspec.defstruct(event.name, [*fields, *position], kw_only=True, gc=False)


def _annotation(column: Column) -> Any:
    """What msgspec is to insist on."""
    if column.name == "schema_version":
        return Literal[SCHEMA_VERSION]
    if column.allowed:
        return Literal[column.allowed]
    match column.type:
        case Type.INTEGER | Type.MONEY:
            lowest, highest = bounds(column)
            return Annotated[int if column.type is Type.INTEGER else float, msgspec.Meta(ge=lowest, le=highest)]
        case Type.TIMESTAMP:
            return Annotated[datetime, msgspec.Meta(tz=True)]
        case _:
            return Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT_CHARACTERS)]


def wall_clock() -> datetime:
    return datetime.now(UTC)


def validator(
    event: Event, tolerance: timedelta, clock: Callable[[], datetime] = wall_clock
) -> Callable[[bytes | None, bytes | None], Record]:
    """The judge of one stream: (value, key) -> record, or InvalidError. An event may be ahead of the clock by the tolerance."""
    fast, slow = fast_reader(event), slow_reader(event)
    latest = EARLIEST

    def judge(value: bytes | None, key: bytes | None) -> Record:
        nonlocal latest
        record = fast(value, key, latest)
        if record is None:
            # The clock, slower than the decoder, is asked only now: what was not too far ahead of it before is not now.
            latest = clock() + tolerance
            record = fast(value, key, latest)
        return slow(value, key, latest) if record is None else record

    return judge


def fast_reader(event: Event) -> Callable[[bytes | None, bytes | None, datetime], Record | None]:
    """(value, key, latest believable time) -> record, or None where it takes a closer look."""
    decode = msgspec.json.Decoder(record_type(event)).decode
    times = tuple(column.name for column in event.fields if column.type is Type.TIMESTAMP)
    money = tuple(column.name for column in event.fields if column.type is Type.MONEY)
    ascending = event.ascending

    def read(value: bytes | None, key: bytes | None, latest: datetime) -> Record | None:
        if value is None or key is None or len(value) > MAX_EVENT_BYTES or b"\\u0000" in value:
            return None
        try:
            value.decode()  # what the decoder skips it does not check
            record: Any = decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if record.customer_id.encode() != key:
            return None
        for name in times:
            moment = getattr(record, name)
            if moment.tzinfo is not UTC or not EARLIEST <= moment <= latest:
                return None
            if moment.microsecond % 1000:
                setattr(record, name, _whole_milliseconds(moment))
        for name in money:
            amount = getattr(record, name)
            if amount is not None:
                setattr(record, name, round(amount, MONEY_SCALE))
        for lower, upper in ascending:
            if getattr(record, lower) > getattr(record, upper):
                return None
        return record

    return read


def slow_reader(event: Event) -> Callable[[bytes | None, bytes | None, datetime], Record]:
    """(value, key, latest believable time) -> record, or InvalidError with the first reason that applies."""
    make = record_type(event)
    fields = tuple((column.name, column.nullable, READERS[column.type](column)) for column in event.fields)

    def read(value: bytes | None, key: bytes | None, latest: datetime) -> Record:
        raw = _parse(value)
        _envelope(raw, key)
        values: dict[str, Any] = {}
        for name, nullable, read_field in fields:
            found = raw.get(name)
            if found is not None:
                values[name] = read_field(found, latest)
            elif not nullable:
                raise InvalidError(Reason.MISSING_FIELD, f"{name}: {'null' if name in raw else 'absent'}")
        for lower, upper in event.ascending:
            if values[lower] > values[upper]:
                raise InvalidError(Reason.OUT_OF_RANGE, f"{lower}: {values[lower]} is more than {upper}, {values[upper]}")
        return make(**values)

    return read


def _parse(value: bytes | None) -> dict[str, Any]:
    if value is None:
        raise InvalidError(Reason.NULL_VALUE, "the record has no value")
    if len(value) > MAX_EVENT_BYTES:
        raise InvalidError(Reason.OVERSIZED, f"{len(value)} bytes, more than {MAX_EVENT_BYTES}")
    try:
        record = orjson.loads(value)
    except orjson.JSONDecodeError as fault:
        raise InvalidError(Reason.MALFORMED_JSON, str(fault)) from None
    if type(record) is not dict:
        raise InvalidError(Reason.MALFORMED_JSON, f"expected an object, found {type(record).__name__}")
    return record


def _envelope(record: dict[str, Any], key: bytes | None) -> None:
    """The rules between the record, its key and its schema version."""
    if key is None:
        raise InvalidError(Reason.NULL_KEY, "the record has no key")
    version = record.get("schema_version")
    if version is not None and version != SCHEMA_VERSION:
        raise InvalidError(Reason.UNKNOWN_SCHEMA_VERSION, f"schema_version: {shown(version)}, expected {SCHEMA_VERSION}")
    customer = record.get("customer_id")
    if type(customer) is str and customer.encode(errors="replace") != key:
        raise InvalidError(Reason.KEY_MISMATCH, f"customer_id: {shown(customer)} is not the record's key")

"""What makes a record valid. Pure: bytes in, a verdict out; the only place where an event is judged.

A verdict is a tuple: (reason, message, *field values in the contract's order). Of a valid record reason and message
are None; of an invalid one every field is None. Times come out as milliseconds since 1970 in UTC, money as decimal text.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from contracts.events import CLOCK_TOLERANCE_HOURS, EARLIEST_EVENT_TIME, MAX_EVENT_BYTES, SCHEMA_VERSION, Event, Reason
from contracts.types import Column, Type

Verdict = tuple[Any, ...]
MONEY_SCALE = 4
MONEY_LIMIT = 10**14  # numeric(18, 4)
INTEGER_LIMIT = 2**31


class InvalidError(Exception):
    """A record breaks the contract; carries the reason and a message that names the field."""

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason, self.message = reason, message


def parse_time(text: str) -> int:
    """Milliseconds since 1970 of an ISO 8601 time with a zone; ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return (moment - EPOCH) // MILLISECOND


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
EARLIEST = parse_time(EARLIEST_EVENT_TIME)
TOLERANCE = CLOCK_TOLERANCE_HOURS * 3_600_000


def _text(column: Column) -> Callable[[Any, int], str]:
    name, allowed = column.name, frozenset(column.allowed)

    def read(value: Any, now: int) -> str:
        if type(value) is not str:
            raise InvalidError(Reason.WRONG_TYPE, f"{name}: expected text, found {value!r:.80}")
        if allowed and value not in allowed:
            raise InvalidError(Reason.UNKNOWN_TYPE, f"{name}: {value!r:.80} is none of {', '.join(column.allowed)}")
        if not value or "\0" in value:
            raise InvalidError(Reason.WRONG_TYPE, f"{name}: {'empty' if not value else 'contains a NUL byte'}")
        return value

    return read


def _integer(column: Column) -> Callable[[Any, int], int]:
    name, minimum = column.name, column.minimum

    def read(value: Any, now: int) -> int:
        if type(value) is not int:
            raise InvalidError(Reason.WRONG_TYPE, f"{name}: expected a whole number, found {value!r:.80}")
        if not -INTEGER_LIMIT <= value < INTEGER_LIMIT or (minimum is not None and value < minimum):
            raise InvalidError(Reason.OUT_OF_RANGE, f"{name}: {value} is out of range")
        return value

    return read


def _money(column: Column) -> Callable[[Any, int], str]:
    name, minimum = column.name, column.minimum

    def read(value: Any, now: int) -> str:
        if type(value) is not float and type(value) is not int:
            raise InvalidError(Reason.WRONG_TYPE, f"{name}: expected a number, found {value!r:.80}")
        if not math.isfinite(value) or abs(value) >= MONEY_LIMIT or (minimum is not None and value < minimum):
            raise InvalidError(Reason.OUT_OF_RANGE, f"{name}: {value} is out of range")
        return f"{value:.{MONEY_SCALE}f}"

    return read


def _timestamp(column: Column) -> Callable[[Any, int], int]:
    name = column.name

    def read(value: Any, now: int) -> int:
        try:
            moment = parse_time(value)
        except (TypeError, ValueError):
            raise InvalidError(Reason.BAD_TIME, f"{name}: {value!r:.80} is not a time in ISO 8601 with a zone") from None
        if not EARLIEST <= moment <= now + TOLERANCE:
            raise InvalidError(Reason.BAD_TIME, f"{name}: {value} lies before {EARLIEST_EVENT_TIME} or too far ahead of now")
        return moment

    return read


READERS = {Type.TEXT: _text, Type.LABEL: _text, Type.INTEGER: _integer, Type.MONEY: _money, Type.TIMESTAMP: _timestamp}


def validator(event: Event) -> Callable[[bytes | None, bytes | None, int], Verdict]:
    """The judge of one stream's records: (value, key, now in milliseconds) -> verdict."""
    fields = tuple((column.name, column.nullable, READERS[column.type](column)) for column in event.fields)
    nothing = (None,) * len(fields)

    def judge(value: bytes | None, key: bytes | None, now: int) -> Verdict:
        try:
            record = _parse(value)
            _envelope(record, key)
            row: list[Any] = [None, None]
            for name, nullable, read in fields:
                found = record.get(name)
                if found is not None:
                    row.append(read(found, now))
                elif nullable:
                    row.append(None)
                else:
                    raise InvalidError(Reason.MISSING_FIELD, f"{name}: {'null' if name in record else 'absent'}")
            return tuple(row)
        except InvalidError as fault:
            return (fault.reason.value, fault.message, *nothing)

    return judge


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
        raise InvalidError(Reason.UNKNOWN_SCHEMA_VERSION, f"schema_version: {version!r:.80}, expected {SCHEMA_VERSION}")
    customer = record.get("customer_id")
    if type(customer) is str and customer.encode(errors="replace") != key:
        raise InvalidError(Reason.KEY_MISMATCH, f"customer_id: {customer!r:.80} is not the record's key")

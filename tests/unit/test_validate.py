"""The judge of records: what passes, what does not and why; for any bytes it gives a verdict and never an error."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events import MAX_EVENT_BYTES, MAX_TEXT_CHARACTERS, PURCHASE_EVENT, WEB_EVENT, Reason
from flink_jobs.validate import InvalidError, fast_reader, parse_time, slow_reader, validator

NOW = parse_time("2026-06-01T12:00:00.000Z")
TOLERANCE = timedelta(hours=24)
GOOD = {
    "event_id": "e1", "event_time": "2026-01-31T08:05:13.123Z", "schema_version": 1, "event_type": "view", "customer_id": "c1",
    "session_id": "s1", "product_id": "p1", "category": "shoes", "brand": None, "price": 12.34, "quantity": 2,
    "device": "mobile", "country": "DE", "channel": "organic",
}  # fmt: skip
READERS = {"fast": fast_reader(WEB_EVENT), "slow": slow_reader(WEB_EVENT)}
accept = validator(WEB_EVENT, TOLERANCE, lambda: NOW)


def judge(value, key, read=accept):
    """The record, or the fault."""
    try:
        return read(value, key)
    except InvalidError as fault:
        return fault


def record(changes=None, key=b"c1", drop=()):
    fields = {name: value for name, value in {**GOOD, **(changes or {})}.items() if name not in drop}
    return judge(json.dumps(fields).encode(), key)


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_good_record_passes_with_its_values(reader):
    found = reader(json.dumps(GOOD | {"price": 12.34567}).encode(), b"c1", NOW)
    assert found.event_time == datetime(2026, 1, 31, 8, 5, 13, 123_000, UTC)
    assert found.price == 12.3457
    assert found.brand is None
    names = ("event_id", "customer_id", "session_id", "quantity", "device")
    assert {name: getattr(found, name) for name in names} == {name: GOOD[name] for name in names}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_times_are_cut_to_milliseconds(reader):
    found = reader(json.dumps(GOOD | {"event_time": "2026-01-31T08:05:13.123999Z"}).encode(), b"c1", NOW)
    assert found.event_time.microsecond == 123_000


def test_a_time_of_another_zone_is_told_in_utc():
    assert record({"event_time": "2026-01-31T10:05:13.123+02:00"}).event_time.isoformat() == "2026-01-31T08:05:13.123000+00:00"


def test_optional_fields_may_be_absent():
    assert record(drop=("session_id", "product_id", "category", "brand", "price", "quantity")).event_id == "e1"


def test_the_fast_reader_takes_what_is_common():
    """A fast reader that declines everything would be right and useless."""
    assert READERS["fast"](json.dumps(GOOD).encode(), b"c1", NOW) is not None


@pytest.mark.parametrize(
    ("changes", "reason", "named"),
    [
        ({"event_time": "1970-01-01T00:00:00.000Z"}, Reason.BAD_TIME, "event_time"),
        ({"event_time": "9999-12-31T23:59:59.999Z"}, Reason.BAD_TIME, "event_time"),
        ({"event_time": "2026-01-31 08:05:13"}, Reason.BAD_TIME, "event_time"),
        ({"event_time": 1769846713123}, Reason.BAD_TIME, "event_time"),
        ({"event_time": "2026-06-02T12:00:00.001Z"}, Reason.BAD_TIME, "event_time"),
        ({"event_type": "teleport"}, Reason.UNKNOWN_TYPE, "event_type"),
        ({"device": "toaster"}, Reason.UNKNOWN_TYPE, "device"),
        ({"price": "12.34"}, Reason.WRONG_TYPE, "price"),
        ({"price": True}, Reason.WRONG_TYPE, "price"),
        ({"price": -0.01}, Reason.OUT_OF_RANGE, "price"),
        ({"price": 1_000_000.01}, Reason.OUT_OF_RANGE, "price"),
        ({"price": 1e15}, Reason.OUT_OF_RANGE, "price"),
        ({"quantity": 10_001}, Reason.OUT_OF_RANGE, "quantity"),
        ({"session_id": "s" * (MAX_TEXT_CHARACTERS + 1)}, Reason.OUT_OF_RANGE, "session_id"),
        ({"quantity": 0}, Reason.OUT_OF_RANGE, "quantity"),
        ({"quantity": 1.5}, Reason.WRONG_TYPE, "quantity"),
        ({"quantity": 2**31}, Reason.OUT_OF_RANGE, "quantity"),
        ({"event_id": None}, Reason.MISSING_FIELD, "event_id"),
        ({"event_id": ""}, Reason.WRONG_TYPE, "event_id"),
        ({"event_id": "a\0b"}, Reason.WRONG_TYPE, "event_id"),
        ({"customer_id": "c2"}, Reason.KEY_MISMATCH, "customer_id"),
        ({"customer_id": 7}, Reason.WRONG_TYPE, "customer_id"),
        ({"schema_version": 2}, Reason.UNKNOWN_SCHEMA_VERSION, "schema_version"),
    ],
)
def test_a_bad_field_is_named(changes, reason, named):
    fault = record(changes)
    assert fault.reason == reason
    assert named in fault.message


@pytest.mark.parametrize("name", [column.name for column in WEB_EVENT.fields if not column.nullable])
def test_a_missing_field_is_named(name):
    fault = record(drop=(name,))
    assert (fault.reason, fault.message) == (Reason.MISSING_FIELD, f"{name}: absent")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.NULL_VALUE),
        (b"", Reason.MALFORMED_JSON),
        (b'{"event_id":"e1"', Reason.MALFORMED_JSON),
        (b"[1]", Reason.MALFORMED_JSON),
        (b"null", Reason.MALFORMED_JSON),
        (b'{"a": NaN}', Reason.MALFORMED_JSON),
        (b"\xff\xfe{}", Reason.MALFORMED_JSON),
        (b"x" * (MAX_EVENT_BYTES + 1), Reason.OVERSIZED),
    ],
)
def test_what_is_no_record_at_all(value, reason):
    assert judge(value, b"c1").reason == reason


NESTED = [f"{'[' * depth}{']' * depth}" for depth in (200, 990, 1000, 1023, 1024, 2000, 7000)]


@pytest.mark.parametrize("nested", NESTED, ids=lambda nested: len(nested) // 2)
@pytest.mark.parametrize("name", [*GOOD, "unknown_field"])
def test_a_value_nested_however_deep_gets_a_verdict(name, nested):
    """What the judge raises stops the job, which then reads the same record again, for ever."""
    place = json.dumps(GOOD | {name: "here"})
    found = judge(place.replace('"here"', nested).encode(), b"c1")
    if name != "unknown_field":
        assert found.reason in set(Reason)
    elif len(nested) // 2 < 1000:
        assert found.event_id == GOOD["event_id"]


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_text_may_have_as_many_characters_as_an_index_takes(reader):
    longest = "€" * MAX_TEXT_CHARACTERS
    assert reader(json.dumps(GOOD | {"session_id": longest}).encode(), b"c1", NOW).session_id == longest


PLACED = {
    "event_id": "e1", "event_time": "2026-01-31T08:05:13.123Z", "schema_version": 1, "purchase_id": "p1", "customer_id": "c1",
    "status": "placed", "purchased_at": "2026-01-31T08:05:13.123Z", "quantity": 2, "amount": 10.0, "discount": 2.5,
    "currency": "EUR", "device": "mobile", "country": "DE", "channel": "organic",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "reason", "named"),
    [
        ({"discount": 10.0}, None, ""),
        ({"discount": 10.01}, Reason.OUT_OF_RANGE, "discount"),
        ({"currency": "USD"}, Reason.UNKNOWN_TYPE, "currency"),
        ({"amount": 100_000_000.5}, Reason.OUT_OF_RANGE, "amount"),
    ],
)
def test_a_purchase_is_of_the_one_currency_and_costs_no_less_than_nothing(changes, reason, named):
    accept = validator(PURCHASE_EVENT, TOLERANCE, lambda: NOW)
    found = judge(json.dumps(PLACED | changes).encode(), b"c1", accept)
    assert getattr(found, "reason", None) == reason
    assert named in getattr(found, "message", "")


def test_a_record_without_a_key():
    assert record(key=None).reason == Reason.NULL_KEY


def test_times_decades_back_are_valid():
    assert record({"event_time": "1997-01-01T00:00:00.000Z"}).event_time.year == 1997


@given(st.one_of(st.none(), st.binary(max_size=300)), st.one_of(st.none(), st.binary(max_size=20)))
def test_any_bytes_get_a_verdict(value, key):
    fault = judge(value, key)
    assert fault.reason in set(Reason) and fault.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(WEB_EVENT.fields), JSON)
def test_any_value_in_any_field_gets_a_verdict_and_only_the_contract_passes(column, value):
    found = record({column.name: value})
    if isinstance(found, InvalidError):
        assert column.name in found.message or found.reason in (Reason.OVERSIZED, Reason.MALFORMED_JSON)
    else:
        assert value is not None or column.nullable
        assert not column.allowed or value in column.allowed
        assert not isinstance(getattr(found, column.name), bool | list | dict)


NUMBERS = (
    st.integers() | st.floats() | st.sampled_from(["1.0", "-0", "1e2", "00", "1.", "12.34565", "99999999999999.99995", "-1e400"])
)
TIMES = st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat) | st.sampled_from(
    [
        "2026-01-31T08:05:13Z", "2026-01-31 08:05:13Z", "2026-01-31t08:05:13z", "2026-01-31T08:05:13.1239999Z",
        "2026-01-31T24:00:00Z", "2026-01-31T08:05:60Z", "2026-01-31T08:05:13", "2026-W05-6T08:05:13Z", "20260131T080513Z",
        "2026-01-31T08:05:13-00:00",
    ]
)  # fmt: skip
TEXT = st.text(max_size=12).map(json.dumps) | st.sampled_from(
    ['"\\ud800"', '"\\u0000"', '"a\\\\u0000b"', '"\t"', '"mobile"', '"view"']
)
LITERALS = NUMBERS.map(str) | TIMES.map(json.dumps) | TEXT | JSON.map(json.dumps)


@st.composite
def almost_good(draw):
    """Members of a good record, some with other values, some twice, some unknown, with a byte changed here and there."""
    members = [(name, json.dumps(value)) for name, value in GOOD.items()]
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from([*GOOD, "unknown_field", "source_offset"]))
        place = draw(st.integers(0, len(members)))
        # A field the contract lacks is skipped: there the readers may differ over a number too large for a double.
        members.insert(place, (name, draw(LITERALS if name in GOOD else TEXT | JSON.map(json.dumps))))
        if draw(st.booleans()):
            members = [one for index, one in enumerate(members) if one[0] != name or index == place]
    value = bytearray(("{" + ",".join(f'"{name}": {literal}' for name, literal in members) + "}").encode(errors="replace"))
    if draw(st.integers(0, 9)) == 0:
        value[draw(st.integers(0, len(value) - 1))] = draw(st.integers(0, 255))
    return bytes(value)


@settings(max_examples=1000)
@given(almost_good())
def test_what_the_fast_reader_accepts_the_slow_one_accepts_with_the_same_values(value):
    fast = READERS["fast"](value, b"c1", NOW)
    if fast is None:
        return  # it may decline anything
    slow = READERS["slow"](value, b"c1", NOW)
    for column in WEB_EVENT.fields:
        assert getattr(fast, column.name) == getattr(slow, column.name)


def test_every_field_of_both_contracts_has_a_reader():
    assert judge(b"{}", b"c1", validator(PURCHASE_EVENT, TOLERANCE)).reason == Reason.MISSING_FIELD

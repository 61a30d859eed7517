"""The judge of records: what passes, what does not and why; for any bytes it gives a verdict and never an error."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import MAX_EVENT_BYTES, PURCHASE_EVENT, WEB_EVENT, Reason
from flink_jobs.validate import parse_time, validator

NOW = parse_time("2026-06-01T12:00:00.000Z")
GOOD = {
    "event_id": "e1", "event_time": "2026-01-31T08:05:13.123Z", "schema_version": 1, "event_type": "view", "customer_id": "c1",
    "session_id": "s1", "product_id": "p1", "category": "shoes", "brand": None, "price": 12.34, "quantity": 2,
    "device": "mobile", "country": "DE", "channel": "organic",
}  # fmt: skip
FIELDS = [column.name for column in WEB_EVENT.fields]
judge = validator(WEB_EVENT)


def verdict(changes=None, key=b"c1", drop=()):
    record = {name: value for name, value in {**GOOD, **(changes or {})}.items() if name not in drop}
    return judge(json.dumps(record).encode(), key, NOW)


def test_a_good_record_passes_with_its_values():
    reason, message, *values = verdict()
    assert reason is None and message is None
    found = dict(zip(FIELDS, values, strict=True))
    assert found["event_time"] == parse_time(GOOD["event_time"]) == 1769846713123
    assert found["price"] == "12.3400"
    assert found["brand"] is None
    assert {name: found[name] for name in ("event_id", "customer_id", "quantity", "device")} == {
        "event_id": "e1", "customer_id": "c1", "quantity": 2, "device": "mobile",
    }  # fmt: skip


def test_optional_fields_may_be_absent():
    assert verdict(drop=("session_id", "product_id", "category", "brand", "price", "quantity"))[0] is None


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
        ({"price": 1e15}, Reason.OUT_OF_RANGE, "price"),
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
    found, message, *values = verdict(changes)
    assert found == reason
    assert named in message
    assert set(values) == {None}


@pytest.mark.parametrize("name", [column.name for column in WEB_EVENT.fields if not column.nullable])
def test_a_missing_field_is_named(name):
    found, message, *_ = verdict(drop=(name,))
    assert (found, message) == (Reason.MISSING_FIELD, f"{name}: absent")


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
    assert judge(value, b"c1", NOW)[0] == reason


def test_a_record_without_a_key():
    assert verdict(key=None)[0] == Reason.NULL_KEY


def test_times_decades_back_are_valid():
    assert verdict({"event_time": "1997-01-01T00:00:00.000Z"})[0] is None


@given(st.one_of(st.none(), st.binary(max_size=300)), st.one_of(st.none(), st.binary(max_size=20)))
def test_any_bytes_get_a_verdict(value, key):
    reason, message, *values = judge(value, key, NOW)
    assert reason in set(Reason) and message
    assert values == [None] * len(WEB_EVENT.fields)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from([(WEB_EVENT, GOOD)]), st.data())
def test_any_value_in_any_field_gets_a_verdict_and_only_the_contract_passes(case, data):
    event, good = case
    column = data.draw(st.sampled_from(event.fields))
    value = data.draw(JSON)
    reason, message, *values = judge(json.dumps({**good, column.name: value}).encode(), b"c1", NOW)
    if reason is None:
        assert value is not None or column.nullable
        assert not column.allowed or value in column.allowed
        assert values[FIELDS.index(column.name)] is None or not isinstance(value, bool | list | dict)
    else:
        assert column.name in message or reason in (Reason.OVERSIZED, Reason.MALFORMED_JSON)


def test_every_field_of_both_contracts_has_a_reader():
    assert validator(PURCHASE_EVENT)(b"{}", b"c1", NOW)[0] == Reason.MISSING_FIELD

"""The two values that a record's verdict is: deduplicated by its hash and cut into what results read; inserted as it is."""

import base64
import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from contracts.events import DEAD_LETTER, SOURCE_POSITION, WEB_EVENT, Reason
from contracts.topics import WEB
from flink_jobs.crossing import DEAD, HASH_LENGTH, SEPARATOR, columns, unframed
from flink_jobs.verdict import event_hash, verdict_of
from tests.framing import frame
from tests.unit.test_validate import GOOD

verdict = verdict_of(WEB, timedelta(hours=24))


def accepted(event: dict, partition: int = 0, offset: int = 0) -> tuple[bytes, ...]:
    """The parts of a good event's verdict: payload, hash, fields."""
    fields, payload = verdict(frame(json.dumps(event).encode(), event["customer_id"].encode(), partition, offset))
    return payload, *fields.split(SEPARATOR)


@given(st.none() | st.binary(max_size=60), st.none() | st.binary(max_size=10), st.integers(0, 99), st.integers(0, 2**62))
def test_what_is_framed_comes_out_whatever_the_bytes(value, key, partition, offset):
    assert unframed(frame(value, key, partition, offset)) == (value, key, partition, offset)


def test_an_accepted_record_carries_its_hash_its_fields_and_its_position():
    body, found, *fields = accepted(GOOD | {"ignored": 1}, 3, 77)
    assert found == event_hash("e1")
    payload = json.loads(body)
    assert list(payload) == [column.name for column in (*WEB_EVENT.fields, *SOURCE_POSITION)]
    assert payload == GOOD | {"event_time": payload["event_time"], "source_partition": 3, "source_offset": 77}
    assert payload["event_time"].startswith("2026-01-31T08:05:13.123") and payload["event_time"].endswith("Z")
    assert fields == [b"1769846713123", b"view", b"c1", b"s1", b"12.34", b"2", b"mobile", b"DE", b"organic"]


TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), min_size=1, max_size=20)


@given(TEXT, st.none() | TEXT, st.none() | st.floats(0, 1e6), st.datetimes(datetime(1980, 1, 1), datetime(2025, 12, 31)))
def test_the_fields_that_results_read_are_those_of_the_record(customer, session, price, moment):
    """Whatever the text: what is cut at the separator is the record's values, in the order in which Flink names them."""
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
    sent = GOOD | {"customer_id": customer, "session_id": session, "price": price, "event_time": moment.isoformat()}
    body, _, *packed = accepted(sent)
    payload, names = json.loads(body), [column.name for column in columns(WEB)]
    found = dict(zip(names, map(bytes.decode, packed), strict=True))
    assert datetime.fromtimestamp(int(found.pop("event_time")) / 1000, UTC) == moment
    assert found == {name: "" if payload[name] is None else str(payload[name]) for name in found}


@given(st.text(), st.text())
def test_hashes_have_one_length_and_tell_ids_apart(one, other):
    hashes = [event_hash(text.encode(errors="replace").decode()) for text in (one, other)]
    assert {len(each) for each in hashes} == {HASH_LENGTH}
    assert (hashes[0] == hashes[1]) == (one.encode(errors="replace") == other.encode(errors="replace"))
    assert all(each.isascii() and SEPARATOR not in each for each in hashes)


@given(st.none() | st.binary(max_size=60), st.none() | st.binary(max_size=10))
def test_a_dead_letter_holds_the_raw_bytes_and_where_they_lay(value, key):
    found, body = verdict(frame(value, key, 1, 5))
    assert found == DEAD
    letter = json.loads(body)
    assert list(letter) == [column.name for column in DEAD_LETTER.fields]
    raw = [None if letter[name] is None else base64.b64decode(letter[name]) for name in ("raw_value", "raw_key")]
    assert raw == [value, key]
    assert letter["reason"] in set(Reason) and letter["message"]
    assert (letter["source_topic"], letter["source_partition"], letter["source_offset"]) == (WEB.source, 1, 5)

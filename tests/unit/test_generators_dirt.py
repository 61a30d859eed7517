"""Dirt: each class breaks exactly the rule that the ledger names, and nothing good is lost."""

import hashlib
from collections import Counter, defaultdict
from datetime import timedelta

import numpy as np
import orjson
import pytest
from generators_support import END, faults, records_of, world

from contracts.events import Reason
from contracts.topics import MAX_MESSAGE_BYTES, STREAMS, WEB
from flink_jobs.validate import InvalidError, validator
from generators.clock import iso, milliseconds
from generators.dirt import BOT, BREAKS, DUPLICATE, LATE, RATES, Dirt
from generators.encode import Encoder
from generators.records import GOOD, good
from generators.skew import LARGEST, SKEWED, web_records


@pytest.fixture(scope="module")
def clean():
    return records_of(world(seed=4, customers=100, months=2))


def soiled(clean, level=60.0, seed=9):
    dirts = {stream: Dirt(seed, level) for stream in STREAMS}
    result = [dirts[records.stream].soil(records) for records in clean]
    return result + [dirts[stream].rest(stream) for stream in STREAMS]


def rows(batches):
    return [(batch.stream, *row) for batch in batches for row in zip(*batch.columns(), strict=True)]


def test_every_class_occurs_and_every_reason_of_the_stream(clean):
    kinds = {(stream.source, kind) for stream, *_, kind, _ in rows(soiled(clean))}
    expected = {(stream.source, kind) for stream in STREAMS for kind in (GOOD, DUPLICATE, LATE, *BREAKS)}
    assert kinds == expected | {(WEB.source, BOT)}
    assert {reason for reason, _ in BREAKS.values()} == set(Reason) - {Reason.UNREADABLE_LINE}


def test_a_broken_record_breaks_one_rule_and_the_ledger_names_it(clean):
    for stream, key, value, _, _, kind, reason in rows(soiled(clean)):
        assert faults(stream, key, value, END) == ([] if reason is None else [reason]), (kind, value)


def test_the_pipelines_validator_finds_the_same_reason(clean):
    judges = {stream: validator(stream.event, timedelta(hours=24), lambda: END) for stream in STREAMS}
    for stream, key, value, _, _, kind, reason in rows(soiled(clean)):
        try:
            judges[stream](value, key)
            found = None
        except InvalidError as fault:
            found = fault.reason
        assert found == reason, (kind, value)


def test_ledger_says_what_can_be_read_of_a_record(clean):
    """Identity and time are those in the bytes, or null."""
    for _, _, value, event_id, time, kind, _ in rows(soiled(clean)):
        try:
            event = orjson.loads(value or b"")
        except orjson.JSONDecodeError:
            event = {}
        assert event.get("event_id") == event_id, kind
        if kind != "bad_time":
            assert (event.get("event_time") is None) == (time is None), kind


def test_good_events_are_all_sent_once_beside_their_duplicates(clean):
    before = Counter(value for _, _, value, *_ in rows(clean))
    after = rows(soiled(clean))
    assert Counter(value for _, _, value, _, _, kind, _ in after if kind in (GOOD, LATE)) == before
    assert {value for _, _, value, _, _, kind, _ in after if kind == DUPLICATE} <= set(before)


def test_late_events_come_after_younger_ones_and_duplicates_after_their_first(clean):
    for stream in STREAMS:
        newest, late, seen = 0, 0, set()
        for each, _, _, event_id, time, kind, _ in rows(soiled(clean)):
            if each is not stream:
                continue
            if kind == LATE:
                late += time < newest
            elif kind == DUPLICATE:
                assert event_id in seen
            elif kind == GOOD:
                newest = max(newest, time)
            seen.add(event_id)
        assert late > 3


def test_broken_records_have_identities_of_their_own(clean):
    after = rows(soiled(clean))
    good = {event_id for *_, event_id, _, kind, _ in after if kind in (GOOD, LATE, DUPLICATE)}
    broken = [event_id for *_, event_id, _, kind, _ in after if kind in BREAKS and event_id is not None]
    assert not good & set(broken)


def test_oversized_records_still_fit_the_broker(clean):
    assert max(len(value or b"") for _, _, value, *_ in rows(soiled(clean))) < MAX_MESSAGE_BYTES


def test_same_seed_same_dirt(clean):
    assert rows(soiled(clean)) == rows(soiled(clean))
    assert rows(soiled(clean)) != rows(soiled(clean, seed=10))


def test_level_zero_is_clean(clean):
    assert rows(soiled(clean, level=0.0)) == rows(clean)


def test_the_default_level_soils_about_a_hundredth(clean):
    after = rows(soiled(clean, level=1.0))
    share = np.mean([kind != GOOD for *_, kind, _ in after])
    assert 0.004 < share < 0.03


def test_each_class_has_its_rate():
    """Of a long stream, within five standard deviations of a binomial count."""
    n = 200_000
    events = [b'{"event_id":"x","product_id":null,"schema_version":1,"device":"mobile","country":"DE","channel":"paid"}'] * 100
    batch = good(WEB, [b"k"] * 100, events, ["x"] * 100, [0] * 100)
    dirt = Dirt(1)
    found = Counter(kind for _ in range(n // 100) for kind in dirt.soil(batch).kinds)
    for name in set(RATES) - {BOT}:
        expected = n * RATES[name]
        assert abs(found[name] - expected) < 5 * expected**0.5 + (30 if name in (LATE, DUPLICATE) else 0), name


def test_a_bot_is_a_stranger_who_views_and_views(clean):
    """Valid events of a session of its own, of several products, evenly spaced, none of them in the future of its neighbours."""
    crawls = defaultdict(list)
    for _, key, value, event_id, time, kind, _ in rows(soiled(clean)):
        if kind == BOT:
            event = orjson.loads(value)
            assert (event["customer_id"].encode(), event["event_id"]) == (key, event_id)
            crawls[event["session_id"]].append((time, event))
    assert crawls and not set(crawls) & {orjson.loads(value)["session_id"] for _, _, value, *_ in rows(clean)}
    for views in crawls.values():
        assert {event["event_type"] for _, event in views} == {"view"}
        assert len({event["customer_id"] for _, event in views}) == 1
        assert len(set(np.diff([time for time, _ in views]).tolist())) <= 1
    assert max(len({event["product_id"] for _, event in views}) for views in crawls.values()) > 10


def test_a_clock_that_is_wrong_is_so_for_one_device_and_by_minutes():
    made = world(seed=4, customers=100, months=2)
    encoder = Encoder(made.catalogues, len(made.customers), "0badcafe")
    offsets = defaultdict(set)
    for events in made.days(milliseconds(END)):
        right, found = encoder.web(events.web), web_records(encoder, events.web, 4, level=20.0)
        for value, true, time, kind in zip(found.values, right.times, found.times, found.kinds, strict=True):
            event = orjson.loads(value)
            assert event["event_time"] == iso(np.array([time]))[0]
            assert (kind == SKEWED) >= (time != true)
            offsets[event["customer_id"], event["device"]].add(time - true)
    assert {len(each) for each in offsets.values()} == {1}
    wrong = [abs(each) for (each,) in offsets.values() if each]
    assert 0.1 < len(wrong) / len(offsets) < 0.3
    assert 60_000 < max(wrong) <= LARGEST


def test_md5_is_that_of_the_bytes_where_a_dead_letter_is_expected(clean):
    for batch in soiled(clean):
        for value, reason, digest in zip(batch.values, batch.reasons, batch.md5s(), strict=True):
            assert digest == (hashlib.md5(value or b"").hexdigest() if reason else None)

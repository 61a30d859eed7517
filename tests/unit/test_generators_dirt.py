"""Dirt: each class breaks exactly the rule that the ledger names, and nothing good is lost."""

import hashlib
from collections import Counter
from datetime import timedelta

import numpy as np
import orjson
import pytest
from generators_support import END, faults, records_of, world

from contracts.events import Reason
from contracts.topics import MAX_MESSAGE_BYTES, STREAMS
from flink_jobs.validate import InvalidError, validator
from generators.dirt import BREAKS, DUPLICATE, LATE, Dirt
from generators.records import GOOD


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
    assert kinds == {(stream.source, kind) for stream in STREAMS for kind in (GOOD, DUPLICATE, LATE, *BREAKS)}
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
    assert 0.004 < share < 0.014


def test_md5_is_that_of_the_bytes_where_a_dead_letter_is_expected(clean):
    for batch in soiled(clean):
        for value, reason, digest in zip(batch.values, batch.reasons, batch.md5s(), strict=True):
            assert digest == (hashlib.md5(value or b"").hexdigest() if reason else None)

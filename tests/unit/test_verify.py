"""The checker is checked: equal streams are equal, and one changed, missing or added row turns it red."""

import json
import re
from datetime import UTC, datetime

import psycopg
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from hypothesis import given
from hypothesis import strategies as st

from contracts.settings import Settings
from contracts.tables import WEB_MINUTE_METRICS
from verify import __main__ as verification
from verify import stream
from verify.canonical import Difference, compare
from verify.result import SHOWN, Result
from verify.settle import ASK_AGAIN_SECONDS, QUIET_SECONDS, Ask

ROWS = st.dictionaries(st.text(alphabet="abcé\x01", max_size=4), st.text(alphabet="xyz", max_size=3), max_size=12)


def ordered(rows):
    return sorted(rows.items(), key=lambda row: row[0].encode())


@given(ROWS)
def test_equal_streams_have_no_difference(rows):
    found = list(compare(ordered(rows), ordered(rows)))
    assert found == [None] * len(rows)


@given(ROWS, ROWS)
def test_every_difference_is_found_once_in_both_directions(left, right):
    found = [each for each in compare(ordered(left), ordered(right)) if each]
    expected = {key for key in left.keys() | right.keys() if left.get(key) != right.get(key)}
    assert sorted(each.key for each in found) == sorted(expected)
    for each in found:
        assert (each.left, each.right) == (left.get(each.key), right.get(each.key))


def test_a_difference_names_the_column():
    difference = Difference("k", "1\x012", "1\x013")
    assert difference.describe("Postgres", "ClickHouse", ("a", "b")) == "k: b '2' in Postgres, '3' in ClickHouse"
    assert Difference("k", "1", None).describe("Postgres", "ClickHouse", ("a",)) == "k: only in Postgres"


@given(*(st.text(alphabet="a\x01\x02") for _ in range(4)))
def test_a_difference_is_described_whatever_its_texts_hold(a, b, c, d):
    told = Difference("k", f"{a}\x01{b}", f"{c}\x01{d}").describe("Postgres", "ClickHouse", ("a", "b"))
    assert told.startswith("k: ") and "\x01" not in told


def test_a_text_with_a_separator_shows_the_whole_rows():
    difference = Difference("k", "1\x01DE", "1\x01D\x01E")
    assert difference.describe("Postgres", "ClickHouse", ("a", "b")) == (r"k: '1\x01DE' in Postgres, '1\x01D\x01E' in ClickHouse")


def test_both_hops_are_asked_for_the_minutes_since_one_moment(monkeypatch):
    """Each by its own clock, a minute that passes between the two questions is only in one of them."""
    asked = []
    monkeypatch.setattr(stream, "settings", lambda: Settings({"LIVE_RETENTION_DAYS": "7"}))
    for hop in ("_postgres", "_warehouse"):
        monkeypatch.setattr(stream, hop, lambda query: asked.append(query) or [])
    stream._hold_against(WEB_MINUTE_METRICS, "source", "ClickHouse", Result("I3", "test"))
    bounds = [re.findall(r"'(\d{4}-\d\d-\d\d \d\d:\d\d:00)", query) for query in asked]
    assert len(bounds) == 2 and bounds[0] == bounds[1] != [] and "now()" not in "".join(asked)
    now = datetime(2026, 3, 1, 0, 30, 59, tzinfo=UTC)
    assert stream._kept(now)[0] == "minute_at >= '2026-02-22 01:30:00+00'"


def test_a_check_that_cannot_be_made_is_red_and_the_others_are_kept(monkeypatch, tmp_path, capsys):
    def away():
        raise ConnectionError("nobody listens")

    monkeypatch.setattr(verification, "settle", lambda tell: None)
    monkeypatch.setattr(verification, "settings", lambda: Settings({"VAR_DIR": str(tmp_path)}))
    monkeypatch.setattr(verification, "checks", lambda: {"I1": away, "I2": lambda: Result("I2", "well")})
    assert verification.main() == 1
    kept = json.loads((tmp_path / "verify.json").read_text())
    assert [(each["name"], each["holds"], each["differences"]) for each in kept] == [
        ("I1", False, ["ConnectionError: nobody listens"]), ("I2", True, []),
    ]  # fmt: skip
    assert "I1: ConnectionError: nobody listens" in capsys.readouterr().out


def test_a_stack_that_cannot_be_asked_is_one_line(monkeypatch, capsys):
    def away(tell):
        raise psycopg.OperationalError("connection refused")

    monkeypatch.setattr(verification, "settle", away)
    assert verification.main() == 1
    assert capsys.readouterr().err == "verify: connection refused\n"


def test_a_result_counts_all_and_names_the_first():
    result = Result("I0", "nothing")
    assert result.holds
    for number in range(SHOWN + 5):
        result.differ(f"difference {number}")
    assert not result.holds and result.differing == SHOWN + 5 and len(result.differences) == SHOWN


def test_a_checkpoint_is_asked_for_when_the_job_has_gone_quiet():
    """Each costs the job a flush of its state: none while records still come out of it, and not one every second after."""
    ask, again = Ask(), 10 + QUIET_SECONDS
    assert not any(ask.is_due(sent, now=sent / 100) for sent in range(0, 1000, 100))
    assert not ask.is_due(1000, now=10)
    assert ask.is_due(1000, now=again)
    assert not ask.is_due(1000, now=again + ASK_AGAIN_SECONDS - 1)
    assert ask.is_due(1000, now=again + ASK_AGAIN_SECONDS)
    assert not ask.is_due(1001, now=again + ASK_AGAIN_SECONDS)


def test_a_broker_that_is_away_leaves_the_terminal_alone(capfd):
    with pytest.raises(KafkaException):
        AdminClient(Settings({"KAFKA_PORT": "1"}).kafka_client).list_topics(timeout=1)
    assert capfd.readouterr() == ("", "")

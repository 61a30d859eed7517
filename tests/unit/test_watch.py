"""What is alarming, by readings made up here; the page and the endpoint show what was read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from alerts.channels import AlertError
from contracts.settings import Settings
from watch import check, readings, server
from watch.alarms import Limits, alarms, figures
from watch.page import page
from watch.readings import DOCS, Reading
from watch.server import OLD_SECONDS, Watch, exposition

CALM = [
    Reading("source_up", 1, {"source": "flink"}),
    Reading("source_up", 1, {"source": "clickhouse"}),
    Reading("process_running", 1, {"process": "kafka"}),
    Reading("process_uptime_seconds", 400, {"process": "kafka"}),
    Reading("flink_job_running", 1, {"job": "live"}),
    Reading("flink_restarts", 2, {"job": "live"}),
    Reading("flink_failed_checkpoints", 0, {"job": "live"}),
    Reading("kafka_lag_records", 29_000, {"group": "sink"}),
    Reading("connect_task_running", 1),
    Reading("slot_active", 1),
    Reading("slot_retained_bytes", 1000),
    Reading("freshness_seconds", 3, {"hop": "Postgres, web"}),
    Reading("freshness_seconds", 4, {"hop": "ClickHouse, web"}),
    Reading("dead_letters", 70, {"stream": "web_event", "reason": "bad_time"}),
]
BEFORE = [Reading(each.name, 30_000, each.labels) if each.name == "kafka_lag_records" else each for each in CALM]
LIMITS = Limits(lag_records=200_000, slot_bytes=10_000, dead_letters_per_minute=60, idle_seconds=100)


def found(now: list[Reading]) -> list[str]:
    return alarms(figures(now), figures(BEFORE), 60, LIMITS)


def test_a_calm_stack_alarms_nobody():
    assert found(CALM) == []
    assert alarms(figures(CALM), {}, 0, LIMITS) == []


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("process_running", 0, "the process kafka does not run"),
        ("process_uptime_seconds", 5, "the process kafka was started again"),
        ("flink_job_running", 0, "the Flink job live does not run"),
        ("flink_restarts", 3, "the Flink job live was restarted 1 times"),
        ("flink_failed_checkpoints", 4, "4 checkpoints of the Flink job live failed"),
        ("kafka_lag_records", 200_001, "sink is 200,001 records behind"),
        ("kafka_lag_records", 30_000, "sink does not catch up: 30,000 records behind, 30,000 at the last look"),
        ("connect_task_running", 0, "Debezium's connector does not run"),
        ("slot_active", 0, "nobody reads the replication slot, or it is gone"),
        ("slot_retained_bytes", 11_000_000, "the replication slot keeps 11 MB of WAL"),
        ("dead_letters", 131, "61 records of web_event set aside within 60 s: bad_time"),
    ],
)
def test_each_fault_has_its_alarm(name, value, told):
    assert found([Reading(name, value, each.labels) if each.name == name else each for each in CALM]) == [told]


def test_a_part_that_does_not_answer_is_named():
    away = Reading("source_up", 0, {"source": "flink"})
    assert found([away, *CALM[1:]]) == ["flink does not answer"]


def test_a_hop_that_stands_still_is_named():
    late = Reading("freshness_seconds", 110, {"hop": "ClickHouse, web"})
    now = [late if each.labels == late.labels else each for each in CALM]
    assert found(now) == ["web in ClickHouse are 107 s behind the other hop: it stands still"]


def test_a_reason_that_is_new_counts_from_nothing():
    new = Reading("dead_letters", 61, {"stream": "web_event", "reason": "null_key"})
    assert found([*CALM, new]) == ["61 records of web_event set aside within 60 s: null_key"]


def test_what_the_last_look_did_not_see_is_unknown_and_not_new():
    """ClickHouse was away then: all that was ever set aside is no news now."""
    before = [each for each in BEFORE if each.name != "dead_letters" and each.labels != {"source": "clickhouse"}]
    before.append(Reading("source_up", 0, {"source": "clickhouse"}))
    now = [Reading(each.name, 70_000, each.labels) if each.name == "dead_letters" else each for each in CALM]
    assert alarms(figures(now), figures(before), 300, LIMITS) == []


def test_a_part_that_is_away_costs_its_own_figures_alone_and_the_log_says_why(monkeypatch, caplog):
    def away():
        raise ConnectionError("nobody\nlistens")

    def well():
        yield Reading("slot_active", 1)

    monkeypatch.setattr(readings, "SOURCES", (away, well))
    assert readings.read() == [
        Reading("source_up", 0, {"source": "away"}),
        Reading("source_up", 1, {"source": "well"}),
        Reading("slot_active", 1),
    ]
    assert caplog.messages == ["away does not answer: ConnectionError: nobody listens"]


def test_what_a_scraper_gets_is_what_was_read():
    watch = Watch()
    watch.readings = CALM
    families = {family.name: family for family in text_string_to_metric_families(exposition(watch).decode())}
    samples = {(each.name, frozenset(each.labels.items())): each.value for every in families.values() for each in every.samples}
    assert 0 <= samples.pop(("look_age_seconds", frozenset())) < OLD_SECONDS
    assert samples == {(each.name, frozenset(each.labels.items())): each.value for each in CALM}
    assert all(families[reading.name].documentation == DOCS[reading.name] for reading in CALM)


def test_a_look_is_held_against_the_one_before_it(monkeypatch, tmp_path, capsys):
    """The second look finds a restart; the message that leaves names it."""
    looks = iter(
        [BEFORE, [Reading("flink_restarts", 3, each.labels) if each.name == "flink_restarts" else each for each in CALM]]
    )
    sent = []
    monkeypatch.setattr(check, "memory", lambda: tmp_path / "watch" / "last.json")
    monkeypatch.setattr(check, "read", lambda: next(looks))
    monkeypatch.setattr(check, "send", lambda message, _settings: sent.append(message))
    assert check.main() == 0 and sent == []
    assert "nothing is alarming" in capsys.readouterr().out
    assert check.main() == 0
    assert [message.subject for message in sent] == ["Stream: the Flink job live was restarted 1 times"]


def test_an_alarm_that_was_not_sent_is_sent_by_the_next_try(monkeypatch, tmp_path, capsys):
    once, twice = ([Reading("flink_restarts", count, {"job": "live"})] for count in (1, 2))
    looks, answers, sent = iter([once, twice, twice, twice]), iter([AlertError("Slack: 500"), None]), []

    def send(message, _settings):
        if error := next(answers):
            raise error
        sent.append(message.subject)

    monkeypatch.setattr(check, "memory", lambda: tmp_path / "watch" / "last.json")
    monkeypatch.setattr(check, "read", lambda: next(looks))
    monkeypatch.setattr(check, "send", send)
    assert [check.main() for _ in range(4)] == [0, 1, 0, 0]
    assert sent == ["Stream: the Flink job live was restarted 1 times"]
    assert "the alarm was not sent: Slack: 500" in capsys.readouterr().err


def test_a_look_that_fails_is_told_and_not_the_last(monkeypatch):
    monkeypatch.setattr(server, "read", lambda: CALM[:2])
    monkeypatch.setattr(server, "settings", lambda: Settings({"ALARM_LAG_RECORDS": "many"}))
    watch = Watch()
    watch.try_to_look()
    assert watch.told() == ["the look failed: SettingsError: ALARM_LAG_RECORDS='many' is not a whole number"]
    assert watch.readings == CALM[:2]
    monkeypatch.setattr(server, "settings", lambda: Settings({}))
    watch.try_to_look()
    assert watch.told() == []


def test_readings_of_long_ago_are_told_to_be_old():
    watch = Watch()
    watch.looked -= OLD_SECONDS + 1
    assert watch.told() == [f"no look for {OLD_SECONDS + 1} s: what follows is as old"]
    shown = page(CALM, watch.told(), [], watch.age)
    assert f"As read {OLD_SECONDS + 1} s ago." in shown and "Nothing is alarming" not in shown


@given(st.text(), st.floats(0, 1e12))
def test_the_page_shows_any_label_as_text(label, value):
    reading = Reading("dead_letters", value, {"stream": label, "reason": "<b>"})
    shown = page([reading], [label], [(0.0, figures([reading])), (5.0, figures([reading]))], 3.0)
    assert "<b>" not in shown and "polyline" in shown and "Nothing is alarming" not in shown

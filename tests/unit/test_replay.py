"""Replay of files: what rows mean, what is a bad line, which rows are the same event, and all of it in constant memory."""

import base64
import gzip
import json
import random
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from generators_support import faults
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import CURRENCY, DEAD_LETTER, Reason
from contracts.settings import Settings
from contracts.topics import MAX_MESSAGE_BYTES, PURCHASES, WEB
from generators import csv_lines, occurrences, replay
from generators.csv_lines import ReplayError, open_csv
from generators.occurrences import open_occurrences

HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
VIEW = "2019-10-01 00:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde-8bb3"
BUY = "2019-10-01 00:02:14 UTC,purchase,1004856,2053013555631882655,electronics.smartphone,samsung,130.76,543272936,8187d148"


class FakeSender:
    """Keeps what it is given."""

    sent: list[tuple[str, bytes | None, bytes]]

    def __init__(self, *_):
        FakeSender.sent = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def send(self, records, topic=None):
        target = topic or records.stream.source
        FakeSender.sent += [(target, key, value) for key, value in zip(records.keys, records.values, strict=True)]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Replays text, bytes or a path; returns topic -> list of JSON values."""
    monkeypatch.setattr(replay, "Sender", FakeSender)

    def run(content, name, file="orders.csv"):
        path = content if isinstance(content, Path) else tmp_path / file
        if not isinstance(content, Path):
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        replay.run(Settings({"VAR_DIR": str(tmp_path / "var")}), path, name)
        topics = {topic: [] for topic in (WEB.source, WEB.dead_letters, PURCHASES.source, PURCHASES.dead_letters)}
        for topic, _, value in FakeSender.sent:
            topics[topic].append(json.loads(value))
        return topics

    return run


def purchases(*lines, header="customer_id,purchased_at,amount"):
    return "\n".join([header, *lines]) + "\n"


def rees46(*lines):
    return "\r\n".join([HEADER, *lines]) + "\r\n"


def bad(topics, stream=PURCHASES):
    return {letter["source_offset"]: letter["message"] for letter in topics[stream.dead_letters]}


# What rows mean


def test_a_row_is_a_purchase_that_was_placed(run):
    topics = run(purchases("00004,1997-01-01,29.33"), "purchases")
    (event,) = topics[PURCHASES.source]
    assert topics[WEB.source] == []
    assert event["event_time"] == event["purchased_at"] == "1997-01-01T00:00:00.000Z"
    assert (event["customer_id"], event["amount"], event["quantity"], event["discount"]) == ("00004", 29.33, 1, 0)
    assert (event["status"], event["currency"], event["session_id"]) == ("placed", CURRENCY, None)
    assert {event["device"], event["country"], event["channel"]} == {"unknown"}


def test_columns_come_in_any_order_and_others_are_ignored(run):
    header = "note, Amount ,currency,customer_id,quantity,purchased_at"
    (event,) = run(purchases('"a, b",12.5,usd,c1,3,2020-02-29', header=header), "purchases")[PURCHASES.source]
    assert (event["customer_id"], event["amount"], event["currency"], event["quantity"]) == ("c1", 12.5, "USD", 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1997-01-01", "1997-01-01T00:00:00.000Z"),
        ("19970101", "1997-01-01T00:00:00.000Z"),
        ("2010-12-01 08:26", "2010-12-01T08:26:00.000Z"),
        ("2019-10-01 00:02:14 UTC", "2019-10-01T00:02:14.000Z"),
        ("2019-10-01T02:02:14.1239+02:00", "2019-10-01T00:02:14.123Z"),
        ("2019-10-01T00:02:14Z", "2019-10-01T00:02:14.000Z"),
        (" 2019-10-01 ", "2019-10-01T00:00:00.000Z"),
    ],
)
def test_times(run, text, expected):
    assert run(purchases(f"c1,{text},1"), "purchases")[PURCHASES.source][0]["purchased_at"] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", "0"), ("0.00", "0"), ("-0.0", "0"), (".5", "0.5"), ("100", "100"), ("1e3", "1000"), ("+7.10", "7.1"),
     ("1.00005", "1"), ("1.00015", "1.0002"), ("1.00025", "1.0002"), ("99999999999.9999", "99999999999.9999")],
)  # fmt: skip
def test_amounts_keep_four_decimals_half_to_even(run, text, expected):
    run(purchases(f"c1,2020-01-01,{text}"), "purchases")
    (value,) = (value for topic, _, value in FakeSender.sent if topic == PURCHASES.source)
    assert f'"amount":{expected},'.encode() in value


def test_a_rees46_row_is_a_web_event_and_a_purchase_where_it_is_one(run):
    topics = run(rees46(VIEW, BUY), "rees46")
    view, bought = topics[WEB.source]
    (purchase,) = topics[PURCHASES.source]
    assert (view["event_type"], view["category"], view["brand"], view["price"]) == ("view", None, "shiseido", 35.79)
    assert view["event_time"] == "2019-10-01T00:00:00.000Z"
    assert (bought["event_type"], bought["category"], bought["session_id"]) == ("purchase", "electronics.smartphone", "8187d148")
    assert (purchase["amount"], purchase["quantity"], purchase["status"]) == (130.76, 1, "placed")
    assert purchase["customer_id"] == bought["customer_id"] == "543272936"
    assert purchase["session_id"] == "8187d148"


def test_events_keep_the_contract_and_are_keyed_by_customer(run):
    now = datetime.now(UTC)
    for content, name in ((rees46(VIEW, BUY), "rees46"), (purchases('é"1,1997-01-01,0'), "purchases")):
        run(content, name)
        for topic, key, value in FakeSender.sent:
            stream = WEB if topic == WEB.source else PURCHASES
            assert faults(stream, key, value, now) == []


def test_empty_session_and_brand_are_null(run):
    (event,) = run(rees46("2019-10-01 00:00:00 UTC,view,1,,,,5,9,"), "rees46")[WEB.source]
    assert (event["session_id"], event["brand"], event["category"]) == (None, None, None)


# Bad lines

BAD_PURCHASES = [
    ("c1,2020-01-01", "2 columns where the header has 3"),
    ("c1,2020-01-01,1,2", "4 columns where the header has 3"),
    (",2020-01-01,1", "customer_id is empty"),
    ("c1,yesterday,1", "purchased_at 'yesterday' is not a date or time"),
    ("c1,2020-02-30,1", "purchased_at '2020-02-30' is not a date or time"),
    ("c1,,1", "purchased_at '' is not a date or time"),
    ("c1,2020-01-01,ten", "amount 'ten' is not a number"),
    ("c1,2020-01-01,", "amount '' is not a number"),
    ("c1,2020-01-01,NaN", "amount 'NaN' is not a number"),
    ("c1,2020-01-01,Infinity", "amount 'Infinity' is not a number"),
    ("c1,2020-01-01,1_000", "amount '1_000' is not a number"),
    ("c1,2020-01-01,١٢", "amount '١٢' is not a number"),
    ("c1,2020-01-01,-5", "amount -5 is below zero"),
    ("c1,2020-01-01,1e14", "amount 1e14 is too large"),
    ("c1,2020-01-01,99999999999999.99999", "amount 99999999999999.99999 is too large"),
    ("c1,2020-01-01,1\0", "NUL at position 15"),
    ('c1,2020-01-01,"1', "a quote is left open"),
    ('c1,2020-01-01,"1"x', "',' expected after '\"'"),
]


@pytest.mark.parametrize(("line", "message"), BAD_PURCHASES)
def test_a_bad_line_goes_to_the_dead_letters_with_its_number_and_the_rest_flows(run, capsys, line, message):
    topics = run(purchases("c1,2020-01-01,1", line, "c2,2020-01-02,2"), "purchases")
    assert [event["customer_id"] for event in topics[PURCHASES.source]] == ["c1", "c2"]
    (letter,) = topics[PURCHASES.dead_letters]
    assert set(letter) == {field.name for field in DEAD_LETTER.fields}
    assert (letter["reason"], letter["source_topic"], letter["source_partition"]) == (Reason.UNREADABLE_LINE, "orders.csv", 0)
    assert (letter["source_offset"], letter["message"]) == (3, message)
    assert base64.b64decode(letter["raw_value"]) == line.encode()
    assert f"orders.csv:3: {message}" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "two", "2147483648", "1_0"])
def test_quantities_are_whole_and_above_zero(run, text):
    header = "customer_id,purchased_at,amount,quantity"
    topics = run(purchases("c,2020-01-01,1,1", f"c,2020-01-01,1,{text}", header=header), "purchases")
    assert list(bad(topics)) == [3]


@pytest.mark.parametrize("text", ["EURO", "€", "12"])
def test_currencies_have_three_letters(run, text):
    topics = run(
        purchases("c,2020-01-01,1,", f"c,2020-01-01,1,{text}", header="customer_id,purchased_at,amount,currency"), "purchases"
    )
    assert list(bad(topics)) == [3]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("view", "teleport", "event_type 'teleport' is none of view, cart, remove_from_cart, purchase"),
        ("35.79", "-1", "price -1 is below zero"),
        ("35.79", "", "price '' is not a number"),
        ("541312140", "", "user_id is empty"),
        ("44600062", "", "product_id is empty"),
        ("2019-10-01 00:00:00 UTC", "2019-13-01 00:00:00 UTC", "event_time '2019-13-01 00:00:00 UTC' is not a date or time"),
        (",541312140,72d76fde-8bb3", "", "7 columns where the header has 9"),
    ],
)
def test_bad_rees46_lines(run, old, new, message):
    topics = run(rees46(VIEW, VIEW.replace(old, new)), "rees46")
    assert bad(topics, WEB) == {3: message}
    assert len(topics[WEB.source]) == 1


def test_bytes_that_are_no_utf8(run):
    topics = run(purchases("c1,2020-01-01,1").encode() + b"c\xff,2020-01-01,1\n", "purchases")
    assert bad(topics) == {3: "not UTF-8: byte 0xff at position 1"}
    assert base64.b64decode(topics[PURCHASES.dead_letters][0]["raw_value"]) == b"c\xff,2020-01-01,1"


@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_a_huge_line_costs_only_itself(run, ending):
    huge = "x" * (3 * csv_lines.MAX_LINE_BYTES)
    lines = ["customer_id,purchased_at,amount", "c1,2020-01-01,1", huge, *(["c2,2020-01-02,2"] if ending else [])]
    topics = run((ending or "\n").join(lines) + ending, "purchases")
    assert bad(topics) == {3: f"the line has {len(huge) + len(ending):,} bytes, more than {csv_lines.MAX_LINE_BYTES:,}"}
    assert len(topics[PURCHASES.source]) == 1 + bool(ending)
    assert len(base64.b64decode(topics[PURCHASES.dead_letters][0]["raw_value"])) == csv_lines.MAX_LINE_BYTES


def test_a_line_at_the_limit_is_read_whole(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"a\r\n" + b"x" * csv_lines.MAX_LINE_BYTES + b"\r\n" + b"y" * csv_lines.MAX_LINE_BYTES)
    with open_csv(path) as file:
        lines = [record.line for record in file.records()]
    assert [(line.size, len(line.raw)) for line in lines] == [(csv_lines.MAX_LINE_BYTES, csv_lines.MAX_LINE_BYTES)] * 2


def test_an_event_larger_than_a_message_is_set_aside(run):
    """A line may fit where its event, with every quote escaped, does not."""
    customer = '""' * (MAX_MESSAGE_BYTES // 5)
    field_limit = f'"{customer}",2020-01-01,1'
    topics = run(purchases("c1,2020-01-01,1", field_limit), "purchases")
    assert list(bad(topics)) == [3]


def test_only_the_first_bad_lines_are_told_one_by_one(run, capsys):
    run(purchases("c1,2020-01-01,1", *["x"] * 50), "purchases")
    err = capsys.readouterr().err
    assert err.count("1 columns where") == replay.REPORTED
    assert "orders.csv: more bad lines follow" in err


def test_the_summary_counts(run, capsys):
    run(rees46(VIEW, BUY, "x", ""), "rees46")
    assert capsys.readouterr().out == "orders.csv: 3 lines, 3 events sent, 1 lines dead-lettered\n"


def test_a_file_of_nothing_but_bad_lines_is_an_error(run):
    with pytest.raises(ReplayError, match="no line of .* makes an event"):
        run(purchases("x", "y"), "purchases")
    assert len(FakeSender.sent) == 2


# Forms of a file


def test_gzip_is_told_by_its_bytes_and_gives_the_same_events(run):
    plain = run(rees46(VIEW, BUY), "rees46")
    assert run(gzip.compress(rees46(VIEW).encode()) + gzip.compress((BUY + "\r\n").encode()), "rees46") == plain


def test_byte_order_mark_blank_lines_and_missing_last_line_end(run):
    topics = run(b"\xef\xbb\xbfcustomer_id,purchased_at,amount\r\n\r\nc1,2020-01-01,1\r\n  \r\nc2,2020-01-02,2", "purchases")
    assert [event["customer_id"] for event in topics[PURCHASES.source]] == ["c1", "c2"]


def test_a_quoted_field_may_hold_commas_quotes_and_line_ends(run):
    header = "customer_id,purchased_at,amount,note"
    topics = run(purchases('"a, ""b""",2020-01-01,1,"two\nlines"', "c2,2020-01-02,x,", header=header), "purchases")
    assert topics[PURCHASES.source][0]["customer_id"] == 'a, "b"'
    assert list(bad(topics)) == [4]


def test_an_open_quote_costs_only_its_own_line(run):
    lines = [f"c{i},2020-01-01,1" for i in range(300)]
    lines[10] = 'c10,"2020-01-01,1'
    lines[20] = 'c20,"2020-01-01,1'
    topics = run(purchases(*lines), "purchases")
    assert set(bad(topics)) == {12, 22}
    assert len(topics[PURCHASES.source]) == 298


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("customer_id,amount\n", "purchases", "the header has no purchased_at; it has customer_id, amount"),
        ("customer_id;purchased_at;amount\nc;2020-01-01;1\n", "purchases", "the header has no customer_id, purchased_at, amount"),
        ("customer_id,purchased_at,amount,amount\n", "purchases", "the header has amount more than once"),
        (HEADER.replace("price", "cost") + "\n", "rees46", "the header has no price"),
        ("", "purchases", "is empty"),
        (b"\x00\x01\x02\n", "purchases", "the header cannot be read"),
        # mtime: this content is part of the test's name, which has to be the same for every worker.
        (gzip.compress(purchases("c,2020-01-01,1").encode(), mtime=0)[:-12], "purchases", "is a damaged gzip file"),
        ("a\n", "parquet", "unknown format 'parquet': known are purchases, rees46"),
    ],
)
def test_files_that_cannot_be_replayed(run, content, name, message):
    with pytest.raises(ReplayError, match=message.replace("(", r"\(")) as error:
        run(content, name)
    assert "\n" not in str(error.value)


def test_missing_files_and_directories(run, tmp_path):
    with pytest.raises(ReplayError, match=r"nothing\.csv does not exist"):
        run(tmp_path / "nothing.csv", "purchases")
    with pytest.raises(ReplayError, match="is not a regular file"):
        run(tmp_path, "purchases")


def test_what_stands_before_the_damage_of_a_gzip_file_is_sent(run):
    lines = [VIEW.replace("44600062", str(random.Random(i).getrandbits(60))) for i in range(20_000)]
    packed = gzip.compress(rees46(*lines).encode())
    with pytest.raises(ReplayError, match="is a damaged gzip file"):
        run(packed[: len(packed) * 3 // 4], "rees46")
    assert 5_000 < len(FakeSender.sent) < 20_000


# Identity


def ids(topics, stream):
    return [event["event_id"] for event in topics[stream.source]]


def test_replaying_again_gives_the_same_ids(run):
    content = purchases("c1,2020-01-01,1", "c1,2020-01-01,1", "c2,2020-01-01,1")
    first = run(content, "purchases")
    assert run(gzip.compress(content.encode()), "purchases", "copy.csv.gz") == first
    assert run(rees46(VIEW, BUY), "rees46") == run(rees46(VIEW, BUY), "rees46")


def test_equal_purchases_are_different_purchases(run):
    content = purchases(*["c1,2020-01-01,1"] * 5, "c2,2020-01-01,1", "c1,2020-01-01,1.00", "c1,2020-01-01 00:00:00 UTC,1")
    topics = run(content, "purchases")
    assert len(set(ids(topics, PURCHASES))) == 8
    assert len({event["purchase_id"] for event in topics[PURCHASES.source]}) == 8


def test_ids_of_purchases_do_not_depend_on_where_the_row_stands(run):
    """A longer export of the next day, or one in another order, adds only what is new."""
    lines = ["c1,2020-01-01,1", "c1,2020-01-01,1", "c2,2020-01-01,2", "c3,2020-01-02,3"]
    first = set(ids(run(purchases(*lines), "purchases"), PURCHASES))
    longer = set(ids(run(purchases("c9,2020-01-03,9", *reversed(lines), "c1,2020-01-01,1"), "purchases"), PURCHASES))
    assert first < longer and len(longer) == 6


def test_columns_that_the_format_ignores_tell_rows_apart(run):
    header = "order,customer_id,purchased_at,amount"
    one, other = ids(run(purchases("o1,c1,2020-01-01,1", "o2,c1,2020-01-01,1", header=header), "purchases"), PURCHASES)
    assert one != other


def test_equal_rees46_rows_are_one_event_sent_twice(run):
    topics = run(rees46(VIEW, BUY, VIEW, BUY, VIEW.replace("35.79", "35.8")), "rees46")
    assert len(topics[WEB.source]) == 5 and len(set(ids(topics, WEB))) == 3
    assert len(topics[PURCHASES.source]) == 2 and len(set(ids(topics, PURCHASES))) == 1


@given(st.lists(st.integers(0, 5), max_size=60), st.integers(1, 7))
def test_occurrences_are_exact_whatever_the_groups(tmp_path_factory, rows, group_rows):
    digests = [f"{value * 0x9E3779B97F4A7C15 % 2**64:016x}" for value in rows]
    with pytest.MonkeyPatch.context() as patch, open_occurrences(tmp_path_factory.getbasetemp()) as counted:
        patch.setattr(occurrences, "GROUP_ROWS", group_rows)
        patch.setattr(occurrences, "CHUNK_ROWS", 10)
        for digest in digests:
            counted.add(digest)
        assert list(counted.counts()) == [digests[:i].count(digest) for i, digest in enumerate(digests)]


# Ledger and memory


def ledger_rows(tmp_path):
    parts = sorted((tmp_path / "var" / "truth" / "ledger").glob("*.parquet"))
    return [row for part in parts for row in pq.read_table(part).to_pylist()]


def test_the_ledger_has_a_row_for_every_record(run, tmp_path):
    topics = run(purchases("c1,2020-01-01,1", "x", "c2,1970-06-01,1", "c3,2999-01-01,1"), "purchases")
    rows = ledger_rows(tmp_path)
    by_class = {row["class"]: row for row in rows}
    assert len(rows) == 4
    assert [row["event_id"] for row in rows if row["topic"] == PURCHASES.source] == ids(topics, PURCHASES)
    assert by_class["unreadable"]["event_id"] == "orders.csv:3"
    assert by_class["unreadable"]["topic"] == PURCHASES.dead_letters
    assert by_class["unreadable"]["reason"] == Reason.UNREADABLE_LINE
    assert [row["reason"] for row in rows if row["class"] == "absurd_time"] == [Reason.BAD_TIME] * 2
    assert by_class["good"]["key"] == "c1" and by_class["good"]["reason"] is None


ROWS_OF = {
    "purchases": lambda rows: purchases(*(f"c{i},2020-01-01,{i % 50}" for i in range(rows))),
    "rees46": lambda rows: rees46(*(VIEW.replace("541", str(i)) for i in range(rows))),
}


class Nowhere(FakeSender):
    def send(self, records, topic=None):
        pass


def peak_of_many(directory: Path, name: str) -> int:
    """Bytes that Python holds at most while it replays a file, of which a batch is a small part."""
    config, few, many = Settings({"VAR_DIR": str(directory / "var")}), directory / "few.csv", directory / "many.csv"
    few.write_text(ROWS_OF[name](600))
    many.write_text(ROWS_OF[name](3_000))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(replay, "Sender", Nowhere)
        monkeypatch.setattr(replay, "BATCH", 200)
        monkeypatch.setattr("generators.ledger.PART_ROWS", 1_000)
        monkeypatch.setattr(occurrences, "GROUP_ROWS", 500)
        monkeypatch.setattr(occurrences, "CHUNK_ROWS", 500)
        replay.run(config, few, name)  # imports and caches
        tracemalloc.start()
        replay.run(config, many, name)
        return tracemalloc.get_traced_memory()[1]


@pytest.mark.parametrize("name", ["purchases", "rees46"])
def test_memory_does_not_grow_with_the_file(tmp_path, name):
    """In a process of its own: threads that other tests left behind would be counted here."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        found = alone.submit(peak_of_many, tmp_path, name).result(timeout=120)
    assert 100_000 < found < 1_000_000  # the records of all rows alone would take 1.7 million

"""Margins, closeness and the REST endpoint of the synthesiser; the copula itself is in tests/integration/test_synthesiser.py."""

import http.client
import json
import threading
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from synth import report
from synth.closeness import compare
from synth.margins import FEWEST, OTHER, margin, to_numbers
from synth.serve import MOST_CUSTOMERS, RequestError, answer, server
from synth.table import TableError, read

RNG = np.random.default_rng(3)
N = 1_000
REAL = pa.table(
    {
        "spent": pa.array(RNG.gamma(2, 50, N)),
        "orders": pa.array(RNG.poisson(3, N)),
        "rating": pa.array(RNG.normal(size=N), mask=RNG.random(N) < 0.3),
        "joined": pa.array([date(2024, 1, 1 + int(day)) for day in RNG.integers(0, 28, N)]),
        "country": pa.array(RNG.choice(["DE", "FR", "NL"], N, p=[0.6, 0.3, 0.1])),
        "newsletter": pa.array(RNG.random(N) < 0.2),
    }
)


@pytest.mark.parametrize("name", REAL.column_names)
def test_places_are_uniform_and_lead_back_to_the_value(name):
    made, place = margin(name, REAL[name], np.random.default_rng(1))
    assert ((place > 0) & (place < 1)).all()
    assert np.abs(np.sort(place) - (np.arange(N) + 0.5) / N).max() < 0.06
    back = made.value_at(place)
    assert back.type == REAL[name].type
    assert back.is_null().to_pylist() == REAL[name].is_null().to_pylist()
    if name in ("country", "newsletter"):
        assert back.to_pylist() == REAL[name].to_pylist()
    else:
        known = ~np.isnan(to_numbers(REAL[name]))
        off = np.abs(to_numbers(back) - to_numbers(REAL[name]))[known]
        assert np.quantile(off, 0.98) <= 0.1 * np.nanstd(to_numbers(REAL[name])) + (name in ("orders", "joined"))


def test_what_few_share_does_not_come_back():
    column = pa.chunked_array([["DE"] * 90 + ["IS"] * (FEWEST - 1) + [None] * 6])
    made, _ = margin("country", column, np.random.default_rng(1))
    assert set(made.value_at(np.linspace(0, 1, 999)).to_pylist()) == {"DE", OTHER, None}
    rich = pa.chunked_array([[*range(100), 1_000_000]])
    highest, _ = margin("spent", rich, np.random.default_rng(1))
    assert max(highest.value_at(np.linspace(0, 1, 999)).to_pylist()) < 100


def write(tmp_path, table):
    pyarrow.csv.write_csv(table, tmp_path / "customers.csv")
    return read(tmp_path / "customers.csv")


def test_what_names_a_customer_is_left_out(tmp_path):
    names = {
        "customer_id": [f"c{i}" for i in range(N)],
        "account_id": list(range(N)),
        "email": [f"{i}@example.com" for i in range(N)],
    }
    found = write(tmp_path, pa.table(names | {name: REAL[name] for name in REAL.column_names}))
    assert found.left_out == tuple(names)
    assert found.modelled.column_names == REAL.column_names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "customers.csv: "),
        ("a,b\n1,2\n", "has 1 rows, fewer than 50"),
        ("a,a\n" + "1,2\n" * 60, "two columns of one name"),
        ("id\n" + "".join(f"x{i}\n" for i in range(60)), "no column of numbers, times or labels"),
        ("a,b\n" + "1\n" * 60, "customers.csv: "),
    ],
)
def test_a_table_that_cannot_be_learnt_is_one_line(tmp_path, text, message):
    (tmp_path / "customers.csv").write_text(text)
    with pytest.raises(TableError, match=message) as error:
        read(tmp_path / "customers.csv")
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TableError, match=r"nothing\.parquet is not a file"):
        read(tmp_path / "nothing.parquet")


def test_closeness_of_equal_and_of_shuffled_tables():
    same = compare(REAL, REAL)
    assert same.largest_margin == 0 and same.largest_correlation_gap == 0
    tied = REAL.append_column("again", REAL["spent"])
    torn = REAL.append_column("again", REAL["spent"].take(np.random.default_rng(2).permutation(N)))
    found = compare(tied, torn)
    assert found.largest_margin == 0
    assert found.correlations["spent", "again"][0] == pytest.approx(1)
    assert abs(found.correlations["spent", "again"][1]) < 0.1


def test_distances_of_margins_are_the_textbooks():
    one = pa.table({"x": [0.0, 1.0, 2.0, 3.0], "label": ["a", "a", "b", "b"]})
    other = pa.table({"x": [2.0, 3.0, 4.0, 5.0], "label": ["a", "a", "a", "b"]})
    found = compare(pa.concat_tables([one] * 10), pa.concat_tables([other] * 10))
    assert found.margins == {"x": 0.5, "label": 0.25}


def test_copies_of_real_records_are_seen():
    rng = np.random.default_rng(5)
    numbers = REAL.select(["spent", "country"]).append_column("weight", pa.array(rng.normal(size=N)))
    other = pa.table({name: numbers[name].take(rng.permutation(N)) for name in numbers.column_names})
    copied, fresh = compare(numbers, numbers).nearest, compare(numbers, other).nearest
    assert copied["synthetic_equal_to_real"] > 0.3 > fresh["synthetic_equal_to_real"] == copied["real_equal_to_real"] == 0
    assert copied["synthetic_to_real_5th_percentile"] == 0 < fresh["synthetic_to_real_5th_percentile"]


def test_the_page_escapes_what_the_table_holds(tmp_path):
    table = REAL.rename_columns(["<b>spent", *REAL.column_names[1:]])
    page = report.write(tmp_path, report.summary("<i>.csv", N, ("<u>",), compare(table, table)))
    assert not {"<b>spent", "<i>.csv", "<u>"} & set(page.read_text().replace(",", " ").split())
    assert "&lt;b&gt;spent" in page.read_text()
    assert json.loads((tmp_path / "report.json").read_text())["margins"]["<b>spent"] == 0


# The endpoint

TOKEN = "a-token-of-the-test"


@pytest.fixture
def ask():
    """Status and body of a request; every body is JSON."""
    listening = server(("127.0.0.1", 0), TOKEN, lambda count, seed: [{"seed": seed}] * count, {"rows": 7})
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()

    def request(path, token=TOKEN, method="GET"):
        connection = http.client.HTTPConnection(*listening.server_address, timeout=10)
        connection.putrequest(method, path, skip_host=True)
        if token is not None:
            connection.putheader("Authorization", f"Bearer {token}")
        connection.endheaders()
        found = connection.getresponse()
        body = found.read()
        connection.close()
        return found.status, json.loads(body)

    yield request
    listening.shutdown()
    thread.join()
    listening.server_close()


def test_customers_and_the_report(ask):
    assert ask("/customers?count=3&seed=9") == (200, {"customers": [{"seed": 9}] * 3})
    assert len(ask("/customers")[1]["customers"]) == 100
    assert ask("/report") == (200, {"rows": 7})


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", TOKEN[:-1], "\xff"])
def test_no_token_no_answer(ask, token):
    for path in ("/customers", "/report", "/nothing"):
        assert ask(path, token)[0] == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 404),
        ("/customers/1", 404),
        ("/customers?count=0", 422),
        (f"/customers?count={MOST_CUSTOMERS + 1}", 422),
        ("/customers?count=1e3", 422),
        ("/customers?count=NaN", 422),
        ("/customers?count=-1", 422),
        ("/customers?count=", 422),
        ("/customers?count=" + "9" * 5_000, 422),
        ("/customers?count=1&count=2", 422),
        ("/customers?count=%D9%A3", 422),
        ("/customers?seed=x", 422),
        ("/customers?limit=3", 422),
        ("http://[/customers", 422),
    ],
)
def test_bad_requests_are_the_clients_fault(ask, path, status):
    found, body = ask(path)
    assert (found, list(body)) == (status, ["error"])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_only_get(ask, method):
    assert ask("/customers", method=method)[0] == 405


def test_an_empty_token_does_not_start():
    with pytest.raises(ValueError, match="the token is empty"):
        server(("127.0.0.1", 0), "", lambda count, seed: [], {})


def test_answers_name_what_is_wrong():
    with pytest.raises(RequestError, match="count is not one whole number from 1 to 10000"):
        answer("/customers?count=x", lambda count, seed: [], {})

"""Whatever comes in, a build that keeps the rows of unchanged customers equals one that builds every row anew, table by table.

Two warehouses get the same raw rows: in one each build goes on from the one before, in the other each is a full refresh.
"""

import json
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from shop_history import DAY, MINUTE, PURCHASE_CONSTANTS, RAW_CONSTANTS, History, PurchaseEvent, WebEvent, history, states, visit
from test_marts import build, insert, load
from warehouse_stack import Warehouse

PAST = date(2024, 5, 10).isoformat()
# Of the build and not of the data.
PASSING = {"counted_at", "frozen_at", "built_at", "invocation_id", "version", "history"}
DIGITS = 12


@dataclass
class Shop:
    """What both warehouses hold, and how more comes in."""

    clients: list[Client]
    web_events: list[WebEvent]
    purchase_events: list[PurchaseEvent]
    customers: dict[str, dict[str, Any]]
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    lsn: int = 100

    def web(self, events: list[WebEvent]) -> None:
        for client in self.clients:
            insert(client, "raw.web_events", [{**asdict(event), **RAW_CONSTANTS} for event in events])
        self.web_events += events

    def purchases(self, events: list[PurchaseEvent]) -> None:
        for client in self.clients:
            insert(client, "raw.purchase_events", [{**asdict(event), **PURCHASE_CONSTANTS} for event in events])
        self.purchase_events += events

    def customer(self, customer_id: str, deleted: int) -> None:
        self.lsn += 1
        for client in self.clients:
            insert(client, "raw.customers", [{**self.customers[customer_id], "_lsn": self.lsn, "_deleted": deleted}])

    def run(self, statement: str) -> None:
        for client in self.clients:
            client.command(statement, settings={"mutations_sync": 2})

    def some(self, rows: list, count: int) -> list:
        return self.dice.sample(rows, count)

    def new_id(self) -> str:
        return f"{self.dice.getrandbits(64):016x}"


def nothing(_: Shop) -> None:
    pass


def visits_of_all_times(shop: Shop) -> None:
    """Old customers and a new one, before, between and after the sessions that are known."""
    shop.web([event for name in ("c03", "c07", "c31", "newcomer") for event in visit(shop.dice, name)])


def late_events(shop: Shop) -> None:
    """Between two sessions, which they join or leave apart by the last millisecond."""
    shop.web(
        [
            replace(event, event_id=shop.new_id(), event_time=event.event_time + 30 * MINUTE + shop.dice.choice((0, 1)))
            for event in shop.some(shop.web_events, 5)
        ]
    )


def redelivery(shop: Shop) -> None:
    """The same once more, and the same event with other words, which the newest row wins."""
    again = shop.some(shop.web_events, 6)
    shop.web(again[:3])
    shop.web([replace(event, country="AT", quantity=None, price=None) for event in again[3:]])
    shop.purchases(shop.some(shop.purchase_events, 3))


def changed_purchases(shop: Shop) -> None:
    """New purchases, and states that arrive late, after all others of their purchase or at the same moment."""
    for _ in range(4):
        shop.purchases(states(shop.dice, shop.new_id(), shop.dice.choice(("c05", "c09", "stranger"))))
    for event in shop.some(shop.purchase_events, 4):
        moved = event.event_time + shop.dice.choice((0, DAY))
        shop.purchases([replace(event, event_id=shop.new_id(), event_time=moved, status="returned")])


def purchases_of_two_customers(shop: Shop) -> None:
    """The newest state names another customer than the ones before it."""
    for event in shop.some([event for event in shop.purchase_events if event.customer_id not in ("c10", "c14")], 3):
        other = {"event_id": shop.new_id(), "event_time": event.event_time + 30 * DAY, "customer_id": "c14"}
        shop.purchases([replace(event, **other)])


def one_of_the_two_goes(shop: Shop) -> None:
    """The others have the rows that they had, and are the only ones of their purchases again."""
    shop.run("DELETE FROM raw.purchase_events WHERE customer_id = 'c14'")


def deleted_customers(shop: Shop) -> None:
    shop.customer("c04", deleted=1)
    shop.customer("silent1", deleted=1)


def customers_who_come_back(shop: Shop) -> None:
    shop.customer("c04", deleted=0)
    shop.web(visit(shop.dice, "c04"))
    shop.customer("c06", deleted=1)


def rows_that_go(shop: Shop) -> None:
    """A part of a customer's events, and all of another's who was never registered."""
    shop.run("DELETE FROM raw.web_events WHERE customer_id = 'c08' AND cityHash64(event_id) % 3 = 0")
    shop.run("DELETE FROM raw.web_events WHERE customer_id = 'c33'")
    shop.run("DELETE FROM raw.purchase_events WHERE customer_id = 'c33'")


def a_bit_of_everything(shop: Shop) -> None:
    for batch in shop.some([visits_of_all_times, late_events, redelivery, changed_purchases], 3):
        batch(shop)


@dataclass(frozen=True)
class Step:
    """A batch and the builds after it: a part of the models first, where one is named."""

    batch: Callable[[Shop], None]
    as_of: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    first: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "-".join([self.batch.__name__, self.as_of, *self.settings, *self.first]).strip("-")


STEPS = [
    Step(nothing),
    Step(late_events),
    Step(redelivery),
    Step(changed_purchases),
    Step(deleted_customers),
    Step(customers_who_come_back),
    Step(rows_that_go),
    Step(purchases_of_two_customers),
    Step(nothing),
    Step(one_of_the_two_goes),
    Step(visits_of_all_times, as_of=PAST),
    Step(late_events),
    Step(changed_purchases, settings={"SESSION_GAP_MINUTES": "20", "FUNNEL_WINDOW_MINUTES": "60"}),
    # Builds of a part leave the other tables behind, each in its own way.
    Step(a_bit_of_everything, first=("int_raw_customers",)),
    Step(a_bit_of_everything, first=("int_raw_customers", "int_web_events", "fct_sessions")),
    Step(a_bit_of_everything, first=("int_session_events", "int_purchases_at_cutoffs")),
]


@pytest.fixture(scope="module")
def start() -> History:
    return history(seed=20240501)


@pytest.fixture(scope="module")
def shop(warehouse: Warehouse, another_warehouse: Warehouse, start: History) -> Shop:
    clients = [warehouse.client(), another_warehouse.client()]
    for client in clients:
        load(client, start)
        insert(client, "raw.experiments", [{**asdict(variant), "_lsn": 10, "_deleted": 0} for variant in start.variants])
    done = build(warehouse)
    assert done.code == 0, done.text
    customers = {row.customer_id: {**asdict(row), "updated_at": row.registered_at} for row in start.customers}
    return Shop(clients, list(start.web_events), list(start.purchase_events), customers)


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_what_is_kept_is_what_is_built_anew(warehouse: Warehouse, another_warehouse: Warehouse, shop: Shop, step: Step) -> None:
    step.batch(shop)
    if step.first:
        build(warehouse, "--select", *step.first, **step.settings)
        # Tests of a part may fail, its models may not.
        states = {node["name"]: node["status"] for node in nodes(warehouse)}
        assert {name: states[name] for name in step.first} == dict.fromkeys(step.first, "success")
        shop.web(visit(shop.dice, "c11"))
    with ThreadPoolExecutor() as both:
        going_on = both.submit(build_models, warehouse, "--as-of", step.as_of, **step.settings)
        in_full = both.submit(build_models, another_warehouse, "--full-refresh", "--as-of", step.as_of, **step.settings)
    for done in (going_on.result(), in_full.result()):
        assert done.code == 0, done.text
    kept, anew = map(tables, shop.clients)
    assert kept.keys() == anew.keys()
    assert len(kept) > 25
    differing = {name: (kept[name] - anew[name], anew[name] - kept[name]) for name in kept if kept[name] != anew[name]}
    assert not differing
    rows = {node["name"]: node["rows"] for node in nodes(warehouse)}
    assert rows["int_session_events"] == kept["intermediate.int_session_events"].total()


def build_models(warehouse: Warehouse, *arguments: str, **settings: str) -> SimpleNamespace:
    """Without the data tests, which two equal warehouses would pass or fail alike."""
    return build(warehouse, *arguments, "--select", "resource_type:model", DBT_INDIRECT_SELECTION="empty", **settings)


def nodes(warehouse: Warehouse) -> list[dict[str, Any]]:
    """What became of each model and test of the newest build."""
    report = json.loads((warehouse.var / "dbt" / "summary.json").read_text())
    return list(report["nodes"])


def tables(client: Client) -> dict[str, Counter[tuple]]:
    """Every row of every table that a build leaves."""
    names = client.query(
        "SELECT database, name FROM system.tables WHERE database IN ('intermediate', 'marts') AND total_rows IS NOT NULL"
    ).result_rows
    return {f"{database}.{name}": rows(client, database, name) for database, name in names}


def rows(client: Client, database: str, name: str) -> Counter[tuple]:
    found = client.query(f"SELECT * FROM {database}.{name}")
    wanted = [place for place, column in enumerate(found.column_names) if column not in PASSING]
    # int_raw_customers goes on to name those of whom nothing is left.
    gone = {"in_scope_rows": 0, "out_of_scope_rows": 0}.items()
    return Counter(
        tuple(rounded(row[place]) for place in wanted)
        for row in found.result_rows
        if not gone <= dict(zip(found.column_names, row, strict=True)).items()
    )


def rounded(value: object) -> object:
    """A variance of floats depends on the order of its rows in the last digits."""
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


KEPT = {
    "int_web_events": "intermediate",
    "int_session_events": "intermediate",
    "int_session_funnels": "intermediate",
    "int_customer_funnels": "intermediate",
    "int_cart_sessions": "intermediate",
    "fct_sessions": "marts",
}


def test_rows_are_kept_until_their_customer_changes(warehouse: Warehouse, shop: Shop) -> None:
    """A mark on old rows outlives a build, and neither the customer's next event nor a full refresh."""
    client, names = shop.clients[0], ("c12", "c13")

    def marks() -> dict[tuple[str, str], int]:
        count = "SELECT countIf(channel = 'marked') > 0 FROM {}.{} WHERE customer_id = '{}'"
        return {
            (name, customer): client.query(count.format(database, name, customer)).first_row[0]
            for name, database in KEPT.items()
            for customer in names
        }

    for name, database in KEPT.items():
        client.command(
            f"ALTER TABLE {database}.{name} UPDATE channel = 'marked' WHERE customer_id IN {names}",
            settings={"mutations_sync": 2},
        )
    shop.web([replace(event, event_id=shop.new_id()) for event in shop.web_events if event.customer_id == "c13"][:1])
    assert all(marks().values())
    assert build(warehouse).code == 0
    assert marks() == {(name, customer): customer == "c12" for name, customer in marks()}
    assert build(warehouse, "--full-refresh").code == 0
    assert not any(marks().values())


def test_a_build_that_fails_on_its_way_is_made_good(warehouse: Warehouse, another_warehouse: Warehouse, shop: Shop) -> None:
    bad = replace(shop.purchase_events[0], event_id="bad", purchase_id="bad", status="lost")
    visits_of_all_times(shop)
    for client in shop.clients:
        insert(client, "raw.purchase_events", [{**asdict(bad), **PURCHASE_CONSTANTS}])
    assert build(warehouse).code == 1
    shop.run("DELETE FROM raw.purchase_events WHERE purchase_id = 'bad'")
    late_events(shop)
    assert build(warehouse).code == 0
    assert build_models(another_warehouse, "--full-refresh").code == 0
    kept, anew = map(tables, shop.clients)
    assert kept == anew

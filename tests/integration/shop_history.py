"""A small random history of a shop, with the edges that matter: gaps of exactly 30 minutes, ties, redelivery, strangers."""

import random
from dataclasses import dataclass
from decimal import Decimal

from contracts.events import CURRENCY, DEVICES, PURCHASE_STATUSES, SCHEMA_VERSION, UNKNOWN, WEB_EVENT_TYPES
from contracts.experiments import BUCKETS, CONTROL

MINUTE = 60_000
DAY = 86_400_000
START = 1_704_067_200_000  # 2024-01-01T00:00Z
DAYS = 200
GAPS = (0, 0, 1, 20_000, MINUTE, 30 * MINUTE - 1, 30 * MINUTE, 30 * MINUTE, 30 * MINUTE + 1, 31 * MINUTE, 5 * 60 * MINUTE)
COUNTRIES = ("DE", "FR", UNKNOWN)
CHANNELS = ("organic", "paid", "email")
CATEGORIES = ("toys", "books", None)


@dataclass(frozen=True)
class Customer:
    customer_id: str
    country: str
    channel: str
    device: str
    registered_at: int


@dataclass(frozen=True)
class WebEvent:
    """Times are milliseconds since 1970, UTC."""

    event_id: str
    event_time: int
    event_type: str
    customer_id: str
    product_id: str | None
    category: str | None
    price: Decimal | None
    quantity: int | None
    device: str
    country: str
    channel: str


@dataclass(frozen=True)
class PurchaseEvent:
    event_id: str
    event_time: int
    purchase_id: str
    customer_id: str
    status: str
    purchased_at: int
    category: str | None
    quantity: int
    amount: Decimal
    discount: Decimal
    device: str
    country: str
    channel: str


@dataclass(frozen=True)
class Variant:
    experiment: str
    variant: str
    bucket_from: int
    bucket_to: int
    started_at: int
    ended_at: int | None


@dataclass(frozen=True)
class History:
    customers: list[Customer]
    deleted: set[str]
    web_events: list[WebEvent]
    purchase_events: list[PurchaseEvent]
    variants: list[Variant]


# One that is over, one that runs with buckets to spare, one without a control, one that has not begun.
VARIANTS = [
    Variant("checkout", CONTROL, 0, BUCKETS // 2, START + 30 * DAY, START + 120 * DAY),
    Variant("checkout", "short", BUCKETS // 2, BUCKETS, START + 30 * DAY, START + 120 * DAY),
    Variant("shipping", CONTROL, 0, 4000, START + 100 * DAY, None),
    Variant("shipping", "free", 4000, 8000, START + 100 * DAY, None),
    Variant("shipping", "fast", 8000, 8100, START + 100 * DAY, None),
    Variant("banner", "red", 0, BUCKETS, START + 10 * DAY, START + 20 * DAY),
    Variant("later", CONTROL, 0, BUCKETS, START + 40_000 * DAY, None),
]


def money(dice: random.Random, highest: int) -> Decimal:
    """Four decimals, as line totals may have."""
    return Decimal(dice.randrange(highest * 10_000)).scaleb(-4)


def visit(dice: random.Random, customer_id: str) -> list[WebEvent]:
    """Events of one customer in a row, some apart by exactly the gap that ends a session."""
    moment = START + dice.randrange(DAYS) * DAY + dice.choice((0, dice.randrange(DAY), DAY - 1))
    events = []
    for _ in range(dice.randint(1, 12)):
        events.append(
            WebEvent(
                event_id=f"{dice.getrandbits(64):016x}",
                event_time=moment,
                event_type=dice.choice(WEB_EVENT_TYPES),
                customer_id=customer_id,
                product_id=dice.choice((None, "p1", "p2")),
                category=dice.choice(CATEGORIES),
                price=dice.choice((None, money(dice, 100))),
                quantity=dice.choice((None, 1, 3)),
                device=dice.choice(DEVICES),
                country=dice.choice(COUNTRIES),
                channel=dice.choice(CHANNELS),
            )
        )
        moment += dice.choice(GAPS)
    return events


def states(dice: random.Random, purchase_id: str, customer_id: str) -> list[PurchaseEvent]:
    """A purchase's way through its states; two of them may share a moment."""
    purchased_at = START + dice.randrange(DAYS) * DAY + dice.choice((0, dice.randrange(DAY), DAY - 1))
    amount = money(dice, 200)
    shared = {
        "purchase_id": purchase_id, "customer_id": customer_id, "purchased_at": purchased_at, "category": dice.choice(CATEGORIES),
        "quantity": dice.randint(1, 4), "amount": amount,
        "discount": dice.choice((Decimal(0), (amount / 8).quantize(Decimal("0.0001")))),
        "device": dice.choice(DEVICES), "country": dice.choice(COUNTRIES), "channel": dice.choice(CHANNELS),
    }  # fmt: skip
    moment, events = purchased_at, []
    for status in PURCHASE_STATUSES[:1] + tuple(
        sorted(dice.sample(PURCHASE_STATUSES[1:], dice.randint(0, 3)), key=PURCHASE_STATUSES.index)
    ):
        events.append(PurchaseEvent(event_id=f"{dice.getrandbits(64):016x}", event_time=moment, status=status, **shared))
        moment += dice.choice((0, MINUTE, DAY, 20 * DAY))
    return events


def history(seed: int) -> History:
    """Forty customers, of whom a quarter never registered; five registered ones never came; three were deleted."""
    dice = random.Random(seed)
    ids = [f"c{number:02}" for number in range(40)]
    registered = [*ids[:30], *(f"silent{number}" for number in range(5))]
    customers = [
        Customer(name, dice.choice(COUNTRIES), dice.choice(CHANNELS), dice.choice(DEVICES), START + dice.randrange(DAYS * DAY))
        for name in registered
    ]
    web_events = [event for name in ids for _ in range(dice.randint(0, 30)) for event in visit(dice, name)]
    buyers = [*ids[:25], *ids[30:], "stranger"]
    purchase_events = [event for number in range(250) for event in states(dice, f"p{number}", dice.choice(buyers))]
    dice.shuffle(web_events)
    dice.shuffle(purchase_events)
    return History(customers, {ids[0], ids[1], "silent0"}, web_events, purchase_events, VARIANTS)


RAW_CONSTANTS = {"schema_version": SCHEMA_VERSION, "source_partition": 0, "source_offset": 0}
PURCHASE_CONSTANTS = {**RAW_CONSTANTS, "currency": CURRENCY}

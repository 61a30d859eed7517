"""The files that can be replayed: what a row means as events."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import orjson

from contracts.events import CURRENCY, SCHEMA_VERSION, UNKNOWN, Event
from contracts.topics import PURCHASES, WEB, Stream
from generators.clock import milliseconds
from generators.csv_lines import BadLineError

REES46_TYPES = ("view", "cart", "remove_from_cart", "purchase")
# Money is numeric(18, 4), and a JSON number on the way there.
TOO_LARGE = 1e14
LARGEST_QUANTITY = 2**31 - 1
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE = re.compile(r"\d{1,12}(\.0*)?", re.ASCII)
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)
_CENT = Decimal("0.0001")
_ZERO = "0"


class Made(NamedTuple):
    """An event of a row. ``time`` in milliseconds."""

    stream: Stream
    key: bytes
    value: bytes
    event_id: str
    time: int


class Moment(NamedTuple):
    """A time as the contract writes it, quoted, and in milliseconds."""

    json: str
    time: int


@lru_cache(maxsize=4096)
def moment(column: str, text: str) -> Moment:
    """ISO date or date-time, with or without zone (UTC assumed), or followed by UTC."""
    plain = text.strip().removesuffix("UTC").rstrip()
    try:
        parsed = datetime.fromisoformat(plain)
        utc = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadLineError(f"{column} {text[:80]!r} is not a date or time") from None
    written = f"{utc:%H:%M:%S}.{utc.microsecond // 1000:03d}Z"
    return Moment(f'"{utc.year:04d}-{utc.month:02d}-{utc.day:02d}T{written}"', milliseconds(utc))


@lru_cache(maxsize=4096)
def money(column: str, text: str) -> str:
    """A value of 0 or more as JSON, at most four decimals (half to even)."""
    plain = text.strip()
    if not _NUMBER.fullmatch(plain):
        raise BadLineError(f"{column} {text[:80]!r} is not a number")
    value = Decimal(plain)
    if value < 0:
        raise BadLineError(f"{column} {plain[:80]} is below zero")
    if float(value) >= TOO_LARGE:
        raise BadLineError(f"{column} {plain[:80]} is too large")
    return f"{abs(value.quantize(_CENT, ROUND_HALF_EVEN)).normalize():f}"


def quantity(column: str, text: str) -> str:
    plain = text.strip()
    if not plain:
        return "1"
    if not _WHOLE.fullmatch(plain) or not 1 <= int(plain.split(".")[0]) <= LARGEST_QUANTITY:
        raise BadLineError(f"{column} {text[:80]!r} is not a whole number from 1 to {LARGEST_QUANTITY}")
    return str(int(plain.split(".")[0]))


def currency(column: str, text: str) -> str:
    plain = text.strip()
    if plain and not _CURRENCY.fullmatch(plain):
        raise BadLineError(f"{column} {text[:80]!r} is not a currency of three letters")
    return plain.upper() or CURRENCY


def required(column: str, text: str) -> str:
    plain = text.strip()
    if not plain:
        raise BadLineError(f"{column} is empty")
    return plain


def quoted(text: str) -> str:
    """JSON text; null for an empty string."""
    plain = text.strip()
    return orjson.dumps(plain).decode() if plain else "null"


def digest(*parts: str) -> str:
    return blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


def template(event: Event) -> str:
    """A JSON object with a place for the text of every field, in the contract's order."""
    return "{" + ",".join(f'"{field.name}":%s' for field in event.fields) + "}"


_WEB_FORM, _PURCHASE_FORM = template(WEB.event), template(PURCHASES.event)
_WEB_FIELDS, _PURCHASE_FIELDS = ([field.name for field in stream.event.fields] for stream in (WEB, PURCHASES))
_SOMEWHERE = {
    "schema_version": str(SCHEMA_VERSION),
    "device": f'"{UNKNOWN}"',
    "country": f'"{UNKNOWN}"',
    "channel": f'"{UNKNOWN}"',
}


def _web_event(event_id: str, when: Moment, customer: str, **values: str) -> Made:
    texts = {
        **_SOMEWHERE,
        "event_id": f'"{event_id}"',
        "event_time": when.json,
        "customer_id": quoted(customer),
        "quantity": "null",
        **values,
    }
    return Made(WEB, customer.encode(), (_WEB_FORM % tuple(map(texts.__getitem__, _WEB_FIELDS))).encode(), event_id, when.time)


def _placed(purchase_id: str, when: Moment, customer: str, **values: str) -> Made:
    event_id = f"{purchase_id}-placed"
    texts = {
        **_SOMEWHERE,
        "event_id": f'"{event_id}"',
        "event_time": when.json,
        "purchase_id": f'"{purchase_id}"',
        "customer_id": quoted(customer),
        "status": '"placed"',
        "purchased_at": when.json,
        "discount": _ZERO,
        **values,
    }
    return Made(
        PURCHASES,
        customer.encode(),
        (_PURCHASE_FORM % tuple(map(texts.__getitem__, _PURCHASE_FIELDS))).encode(),
        event_id,
        when.time,
    )


class Row(NamedTuple):
    """A readable row. ``identity``: digest of its content, equal for rows that say the same; ``events`` makes them with an id."""

    identity: str
    events: Callable[[str], Iterator[Made]]


class Reader:
    """Rows of one file. ``columns``: as in its header, in any order; what the format does not know only tells rows apart."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    def __init__(self, columns: Sequence[str]) -> None:
        self._at = {name: columns.index(name) for name in (*self.required, *self.optional) if name in columns}
        self._others = [i for i, name in enumerate(columns) if name not in self._at]

    def others(self, fields: list[str]) -> list[str]:
        return [fields[i] for i in self._others]

    def field(self, fields: list[str], name: str) -> str:
        return fields[self._at[name]] if name in self._at else ""


class PurchasesReader(Reader):
    """One purchase a row; two equal rows are two purchases."""

    required = ("customer_id", "purchased_at", "amount")
    optional = ("quantity", "currency")
    stream = PURCHASES
    equal_rows_differ = True

    def read(self, fields: list[str]) -> Row:
        customer = required("customer_id", self.field(fields, "customer_id"))
        when = moment("purchased_at", self.field(fields, "purchased_at"))
        amount = money("amount", self.field(fields, "amount"))
        units = quantity("quantity", self.field(fields, "quantity"))
        code = currency("currency", self.field(fields, "currency"))

        def events(identity: str) -> Iterator[Made]:
            yield _placed(
                f"r{identity}", when, customer, session_id="null", product_id="null", category="null", brand="null",
                quantity=units, amount=amount, currency=f'"{code}"',
            )  # fmt: skip

        return Row(digest("purchases", customer, when.json, amount, units, code, *self.others(fields)), events)


class Rees46Reader(Reader):
    """One web event a row, and a purchase where it is one; two equal rows are one event sent twice."""

    required = ("event_time", "event_type", "product_id", "category_code", "brand", "price", "user_id", "user_session")
    optional = ("category_id",)
    stream = WEB
    equal_rows_differ = False

    def read(self, fields: list[str]) -> Row:
        when = moment("event_time", self.field(fields, "event_time"))
        kind = self.field(fields, "event_type").strip()
        if kind not in REES46_TYPES:
            raise BadLineError(f"event_type {kind[:80]!r} is none of {', '.join(REES46_TYPES)}")
        product = required("product_id", self.field(fields, "product_id"))
        price = money("price", self.field(fields, "price"))
        customer = required("user_id", self.field(fields, "user_id"))
        labels = [self.field(fields, name).strip() for name in ("category_code", "brand", "user_session", "category_id")]
        category, brand, session = map(quoted, labels[:3])

        def events(identity: str) -> Iterator[Made]:
            shared = {"session_id": session, "product_id": quoted(product), "category": category, "brand": brand}
            yield _web_event(f"r{identity}", when, customer, event_type=f'"{kind}"', price=price, **shared)
            if kind == "purchase":
                yield _placed(f"r{identity}", when, customer, quantity="1", amount=price, currency=f'"{CURRENCY}"', **shared)

        return Row(digest("rees46", when.json, kind, product, price, customer, *labels, *self.others(fields)), events)


FORMATS: dict[str, type[PurchasesReader] | type[Rees46Reader]] = {"purchases": PurchasesReader, "rees46": Rees46Reader}

"""The files that can be replayed: what a row means as events."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from hashlib import blake2b
from operator import itemgetter
from typing import NamedTuple

import orjson

from contracts.events import CURRENCY, SCHEMA_VERSION, UNKNOWN, Event
from contracts.topics import PURCHASES, WEB
from generators.clock import milliseconds
from generators.csv_lines import BadLineError

REES46_TYPES = ("view", "cart", "remove_from_cart", "purchase")
# Money is numeric(18, 4), and a JSON number on the way there.
TOO_LARGE = 1e14
LARGEST_QUANTITY = 2**31 - 1
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
# What is in its shortest form but for zeros at the end.
_PLAIN = re.compile(r"(0|[1-9]\d{0,10})(\.\d{1,4})?", re.ASCII)
_WHOLE = re.compile(r"\d{1,12}(\.0*)?", re.ASCII)
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)
_CENT = Decimal("0.0001")
_CURRENCY_JSON = f'"{CURRENCY}"'
_NO_PRODUCT = dict.fromkeys(("session_id", "product_id", "category", "brand"), "null")


class Made(NamedTuple):
    """An event of a row. ``topic``: where it goes; ``time`` in milliseconds."""

    topic: str
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
    if _PLAIN.fullmatch(plain):
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
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
    if not plain or plain == "1":
        return "1"
    if not _WHOLE.fullmatch(plain) or not 1 <= int(plain.split(".")[0]) <= LARGEST_QUANTITY:
        raise BadLineError(f"{column} {text[:80]!r} is not a whole number from 1 to {LARGEST_QUANTITY}")
    return str(int(plain.split(".")[0]))


def currency(column: str, text: str) -> str:
    """As JSON; the shop's own where empty."""
    plain = text.strip()
    if plain and not _CURRENCY.fullmatch(plain):
        raise BadLineError(f"{column} {text[:80]!r} is not a currency of three letters")
    return f'"{plain.upper()}"' if plain else _CURRENCY_JSON


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


def template(event: Event, **constants: str) -> str:
    """A JSON object of the contract's fields, the constants filled in and a named place for the text of each other field."""
    places = {field.name: f"%({field.name})s" for field in event.fields} | constants
    return "{" + ",".join(f'"{field.name}":{places[field.name]}' for field in event.fields) + "}"


_SOMEWHERE = {"schema_version": str(SCHEMA_VERSION), **dict.fromkeys(("device", "country", "channel"), f'"{UNKNOWN}"')}
_WEB_EVENT = template(WEB.event, **_SOMEWHERE, quantity="null")
_PLACED = template(PURCHASES.event, **_SOMEWHERE, status='"placed"', discount="0")


def _web_event(identity: str, when: Moment, customer: str, texts: dict[str, str]) -> Made:
    event_id = f"r{identity}"
    own = {"event_id": f'"{event_id}"', "event_time": when.json, "customer_id": quoted(customer)}
    return Made(WEB.source, customer.encode(), (_WEB_EVENT % (own | texts)).encode(), event_id, when.time)


def _placed(identity: str, when: Moment, customer: str, texts: dict[str, str]) -> Made:
    event_id = f"r{identity}-placed"
    own = {
        "event_id": f'"{event_id}"',
        "event_time": when.json,
        "purchase_id": f'"r{identity}"',
        "customer_id": quoted(customer),
        "purchased_at": when.json,
    }
    return Made(PURCHASES.source, customer.encode(), (_PLACED % (own | texts)).encode(), event_id, when.time)


class Row(NamedTuple):
    """A readable row. ``identity``: digest of its content, equal for rows that say the same; ``events`` makes them with an id."""

    identity: str
    events: Callable[[str], list[Made]]


class Reader:
    """Rows of one file. ``columns``: as in its header, in any order; what the format does not know only tells rows apart."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    def __init__(self, columns: Sequence[str]) -> None:
        known = (*self.required, *self.optional)
        # A missing optional column is read from a field that is added at the end of each row, and empty.
        self._known = itemgetter(*(columns.index(name) if name in columns else -1 for name in known))
        self._others = [i for i, name in enumerate(columns) if name not in known]

    def known(self, fields: list[str]) -> tuple[str, ...]:
        """The required columns, then the optional ones."""
        return self._known([*fields, ""])

    def others(self, fields: list[str]) -> list[str]:
        return [fields[i] for i in self._others]


class PurchasesReader(Reader):
    """One purchase a row; two equal rows are two purchases."""

    required = ("customer_id", "purchased_at", "amount")
    optional = ("quantity", "currency")
    stream = PURCHASES
    equal_rows_differ = True

    def read(self, fields: list[str]) -> Row:
        who, date, value, number, unit = self.known(fields)
        customer = required("customer_id", who)
        when = moment("purchased_at", date)
        texts = _NO_PRODUCT | {
            "amount": money("amount", value),
            "quantity": quantity("quantity", number),
            "currency": currency("currency", unit),
        }
        content = digest("purchases", customer, when.json, *texts.values(), *self.others(fields))
        return Row(content, lambda identity: [_placed(identity, when, customer, texts)])


class Rees46Reader(Reader):
    """One web event a row, and a purchase where it is one; two equal rows are one event sent twice."""

    required = ("event_time", "event_type", "product_id", "category_code", "brand", "price", "user_id", "user_session")
    optional = ("category_id",)
    stream = WEB
    equal_rows_differ = False

    def read(self, fields: list[str]) -> Row:
        date, kind, product, category, brand, cost, who, session, category_id = self.known(fields)
        if kind not in REES46_TYPES:
            raise BadLineError(f"event_type {kind[:80]!r} is none of {', '.join(REES46_TYPES)}")
        when = moment("event_time", date)
        product = required("product_id", product)
        price = money("price", cost)
        customer = required("user_id", who)
        shared = {
            "product_id": quoted(product),
            "category": quoted(category),
            "brand": quoted(brand),
            "session_id": quoted(session),
        }

        def events(identity: str) -> list[Made]:
            made = [_web_event(identity, when, customer, shared | {"event_type": f'"{kind}"', "price": price})]
            if kind == "purchase":
                made.append(
                    _placed(identity, when, customer, shared | {"amount": price, "quantity": "1", "currency": _CURRENCY_JSON})
                )
            return made

        content = digest("rees46", when.json, kind, price, customer, *shared.values(), category_id.strip(), *self.others(fields))
        return Row(content, events)


FORMATS: dict[str, type[PurchasesReader] | type[Rees46Reader]] = {"purchases": PurchasesReader, "rees46": Rees46Reader}

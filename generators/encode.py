"""Columns of simulated events to the bytes that Kafka gets.

A record's text is one template rendered from the contract's fields and filled by column, which is several times faster than
building a dictionary for each event.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b, md5

import numpy as np

from contracts.events import CURRENCY, PURCHASE_STATUSES, SCHEMA_VERSION, Event
from contracts.topics import PURCHASES, WEB, Stream
from generators.catalogue import BRANDS, CATEGORIES, Catalogue
from generators.clock import iso
from generators.columns import Columns, length
from generators.customers import REAL_DEVICES, customer_id
from generators.funnel import STATES
from generators.segments import CHANNELS, COUNTRIES


@dataclass
class Records:
    """Records of one stream, in the order of sending; lists of equal length. ``time``: event time in milliseconds.

    ``kind`` is the ledger's class of each record, ``reason`` the dead letter's where one is expected.
    """

    stream: Stream
    keys: list[bytes | None]
    values: list[bytes | None]
    ids: list[str | None]
    times: list[int | None]
    kinds: list[str]
    reasons: list[str | None]

    def __len__(self) -> int:
        return len(self.values)

    def md5s(self) -> list[str | None]:
        """Of the values for which a dead letter is expected."""
        return [
            md5(value).hexdigest() if reason is not None and value is not None else None
            for value, reason in zip(self.values, self.reasons, strict=True)
        ]

    def slice(self, begin: int, end: int) -> "Records":
        return Records(self.stream, *(column[begin:end] for column in self.columns()))

    def columns(self) -> tuple[list, ...]:
        return self.keys, self.values, self.ids, self.times, self.kinds, self.reasons


def namespace(*parts: object) -> str:
    """Eight hexadecimal digits that keep the ids of one world apart from another's."""
    return blake2b("/".join(map(str, parts)).encode(), digest_size=4).hexdigest()


def _quoted(labels: Iterable[str], empty: bool = False) -> np.ndarray:
    """JSON text of each label; with ``empty``, a last entry (index -1) for null."""
    return np.array([json.dumps(label) for label in labels] + ["null"] * empty, dtype=object)


def money(cents: np.ndarray) -> list[str]:
    return [f"{value // 100}.{value % 100:02d}" for value in cents.tolist()]


class Encoder:
    """Encodes one world's events. ``prefix`` is the namespace of its ids."""

    def __init__(self, catalogue: Catalogue, customers: int, prefix: str) -> None:
        self._prefix = prefix
        products = len(catalogue.price)
        self._customers = np.array([customer_id(number) for number in range(customers)], dtype=object)
        self._product = _quoted((f"p{number + 1:05d}" for number in range(products)), empty=True)
        categories, brands = list(CATEGORIES), list(BRANDS)
        self._category = _quoted((categories[code] for code in catalogue.category), empty=True)
        self._brand = _quoted((brands[code] for code in catalogue.brand), empty=True)
        self._price = np.array([*money(catalogue.price), "null"], dtype=object)
        self._quantity = np.array(["null", *map(str, range(1, 10))], dtype=object)

    def web(self, events: Columns) -> Records:
        n = length(events)
        who = self._who(events["customer"])
        ids = [f"{self._prefix}-{number:x}" for number in events["number"].tolist()]
        columns = {
            **self._common(events, ids, who),
            "event_type": _quoted(STATES)[events["kind"]].tolist(),
            "price": self._price[events["product"]].tolist(),
            "quantity": self._quantity[events["quantity"]].tolist(),
        }
        return _records(WEB, columns, ids, who, events["time"], n)

    def purchases(self, events: Columns) -> Records:
        n = length(events)
        who = self._who(events["customer"])
        sessions, lines = events["session"].tolist(), events["line"].tolist()
        purchases = [f"{self._prefix}-p{session:x}-{line}" for session, line in zip(sessions, lines, strict=True)]
        statuses = [PURCHASE_STATUSES[code] for code in events["status"].tolist()]
        ids = [f"{purchase}-{status}" for purchase, status in zip(purchases, statuses, strict=True)]
        columns = {
            **self._common(events, ids, who),
            "purchase_id": [f'"{purchase}"' for purchase in purchases],
            "status": _quoted(PURCHASE_STATUSES)[events["status"]].tolist(),
            "purchased_at": [f'"{moment}"' for moment in iso(events["placed"]).tolist()],
            "quantity": self._quantity[events["quantity"]].tolist(),
            "amount": money(events["amount"]),
            "discount": money(events["discount"]),
            "currency": [f'"{CURRENCY}"'] * n,
        }
        return _records(PURCHASES, columns, ids, who, events["time"], n)

    def _who(self, customer: np.ndarray) -> list[str]:
        """Customer ids; a guest has one of this namespace."""
        guests = np.flatnonzero(customer < 0)
        who = self._customers[np.maximum(customer, 0)] if len(self._customers) else np.empty(len(customer), dtype=object)
        who[guests] = [f"g{self._prefix}-{-number:x}" for number in customer[guests].tolist()]
        return who.tolist()

    def _common(self, events: Columns, ids: list[str], who: list[str]) -> dict[str, Sequence[str]]:
        return {
            "event_id": [f'"{identity}"' for identity in ids],
            "event_time": [f'"{moment}"' for moment in iso(events["time"]).tolist()],
            "schema_version": [str(SCHEMA_VERSION)] * len(ids),
            "customer_id": [f'"{customer}"' for customer in who],
            "session_id": [f'"{self._prefix}-s{number:x}"' for number in events["session"].tolist()],
            "product_id": self._product[events["product"]].tolist(),
            "category": self._category[events["product"]].tolist(),
            "brand": self._brand[events["product"]].tolist(),
            "device": _quoted(REAL_DEVICES)[events["device"]].tolist(),
            "country": _quoted(COUNTRIES)[events["country"]].tolist(),
            "channel": _quoted(CHANNELS)[events["channel"]].tolist(),
        }


def template(event: Event) -> str:
    return "{" + ",".join(f'"{field.name}":%s' for field in event.fields) + "}"


def _records(
    stream: Stream, columns: dict[str, Sequence[str]], ids: list[str], who: list[str], times: np.ndarray, n: int
) -> Records:
    """Records of good events; a column for every field of the contract."""
    form = template(stream.event)
    rows = zip(*(columns[field.name] for field in stream.event.fields), strict=True)
    return Records(
        stream=stream,
        keys=[customer.encode() for customer in who],
        values=[(form % row).encode() for row in rows],
        ids=list(ids),
        times=times.tolist(),
        kinds=["good"] * n,
        reasons=[None] * n,
    )

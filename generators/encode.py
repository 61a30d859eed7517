"""Columns of simulated events to the bytes that Kafka gets.

What repeats (a product, the circumstances of a visit) is rendered to JSON once; an event is the pieces put together, several
times faster than a dictionary for each event.
"""

import json
from collections.abc import Iterable, Sequence
from itertools import product as combinations

import numpy as np

from contracts.events import CURRENCY, PURCHASE_STATUSES, SCHEMA_VERSION
from contracts.topics import PURCHASES, WEB
from generators.catalogue import BRANDS, CATEGORIES, Catalogue
from generators.clock import iso
from generators.columns import Columns
from generators.customers import REAL_DEVICES, customer_id
from generators.funnel import STATES
from generators.records import Records, good
from generators.segments import CHANNELS, COUNTRIES
from generators.sessions import MOST_UNITS


class Encoder:
    """Encodes one world's events. ``prefix`` is the namespace of its ids."""

    def __init__(self, catalogues: Sequence[Catalogue], customers: int, prefix: str) -> None:
        self._prefix = prefix
        self._customers = _objects(customer_id(number) for number in range(customers))
        self._keys = _objects(customer_id(number).encode() for number in range(customers))
        categories, brands = list(CATEGORIES), list(BRANDS)
        products = [
            {"product_id": f"p{number + 1:05d}", "category": categories[category], "brand": brands[brand]}
            for catalogue in catalogues
            for number, (category, brand) in enumerate(zip(catalogue.category, catalogue.brand, strict=True))
        ]
        cents_of = np.concatenate([catalogue.price for catalogue in catalogues]).tolist()
        prices = [{"price": cents / 100} for cents in cents_of]
        nothing = {"product_id": None, "category": None, "brand": None, "price": None}
        # The last entry, at index -1, is that of no product.
        self._shown = _pieces([*(each | price for each, price in zip(products, prices, strict=True)), nothing])
        units = (None, *range(1, MOST_UNITS + 1))
        self._bought = _pieces(
            each | {"quantity": unit, "amount": cents * unit / 100}
            for each, cents in zip(products, cents_of, strict=True)
            for unit in units[1:]
        )
        self._acts = _pieces({"event_type": kind, "quantity": unit} for kind, unit in combinations(STATES, units))
        self._statuses = _pieces({"status": status, "currency": CURRENCY} for status in PURCHASE_STATUSES)
        self._visits = _pieces(
            {"schema_version": SCHEMA_VERSION, "device": device, "country": country, "channel": channel}
            for device, country, channel in combinations(REAL_DEVICES, COUNTRIES, CHANNELS)
        )

    def web(self, events: Columns) -> Records:
        prefix = self._prefix
        who, keys = self._who(events["customer"])
        ids = [f"{prefix}-{number:x}" for number in events["number"].tolist()]
        rows = zip(
            ids,
            iso(events["time"]),
            who,
            events["session"].tolist(),
            self._acts[events["kind"] * (MOST_UNITS + 1) + events["quantity"]].tolist(),
            self._shown[events["product"]].tolist(),
            self._visit(events),
            strict=True,
        )
        values = [
            f'{{"event_id":"{identity}","event_time":"{time}","customer_id":"{customer}",'
            f'"session_id":"{prefix}-s{session:x}",{act},{product},{visit}}}'.encode()
            for identity, time, customer, session, act, product, visit in rows
        ]
        return good(WEB, keys, values, ids, events["time"].tolist())

    def purchases(self, events: Columns) -> Records:
        prefix = self._prefix
        who, keys = self._who(events["customer"])
        purchases = [
            f"{prefix}-p{session:x}-{line}"
            for session, line in zip(events["session"].tolist(), events["line"].tolist(), strict=True)
        ]
        statuses = events["status"].tolist()
        ids = [f"{purchase}-{PURCHASE_STATUSES[code]}" for purchase, code in zip(purchases, statuses, strict=True)]
        rows = zip(
            ids,
            iso(events["time"]),
            purchases,
            who,
            events["session"].tolist(),
            iso(events["placed"]),
            [f"{cents / 100:.2f}" if cents else "0" for cents in events["discount"].tolist()],
            self._statuses[events["status"]].tolist(),
            self._bought[events["product"] * MOST_UNITS + events["quantity"] - 1].tolist(),
            self._visit(events),
            strict=True,
        )
        values = [
            f'{{"event_id":"{identity}","event_time":"{time}","purchase_id":"{purchase}","customer_id":"{customer}",'
            f'"session_id":"{prefix}-s{session:x}","purchased_at":"{placed}",'
            f'"discount":{discount},{status},{product},{visit}}}'.encode()
            for identity, time, purchase, customer, session, placed, discount, status, product, visit in rows
        ]
        return good(PURCHASES, keys, values, ids, events["time"].tolist())

    def _visit(self, events: Columns) -> list[str]:
        code = (events["device"] * len(COUNTRIES) + events["country"]) * len(CHANNELS) + events["channel"]
        return self._visits[code].tolist()

    def _who(self, customer: np.ndarray) -> tuple[list[str], list[bytes]]:
        """Customer ids and keys; a guest has an id of this namespace."""
        known = np.maximum(customer, 0)
        who, keys = self._customers[known].tolist(), self._keys[known].tolist()
        guests = np.flatnonzero(customer < 0)
        for place, number in zip(guests.tolist(), (-customer[guests]).tolist(), strict=True):
            who[place] = guest = f"g{self._prefix}-{number:x}"
            keys[place] = guest.encode()
        return who, keys


def _objects(values: Iterable[object]) -> np.ndarray:
    return np.array(list(values), dtype=object)


def _pieces(parts: Iterable[dict[str, object]]) -> np.ndarray:
    """Members of JSON objects, without the braces."""
    return _objects(json.dumps(part, separators=(",", ":"))[1:-1] for part in parts)

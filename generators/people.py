"""Names, addresses and birth dates of the customers: what only the shop's own database holds."""

import unicodedata
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import numpy as np
from faker import Faker

from generators.chance import generator
from generators.clock import moment
from generators.customers import REAL_DEVICES, Customers, customer_id
from generators.segments import CHANNELS, COUNTRIES

LOCALES = {"DE": "de_DE", "FR": "fr_FR", "NL": "nl_NL", "IT": "it_IT", "ES": "es_ES", "PL": "pl_PL", "AT": "de_AT", "GB": "en_GB"}
POOL = 250
NO_BIRTH_DATE = 0.08

# A row of shop.customers, in the order of its columns in the contract.
Row = tuple[str, str, str, str, date | None, str, str, str, datetime, datetime]


def shop_rows(customers: Customers, until: int) -> Iterator[Row]:
    """One row for each customer who registered by then."""
    rng = generator(customers.seed, 5)
    pools = [_pool(customers.seed, locale) for locale in LOCALES.values()]
    picks = rng.integers(0, POOL, (len(customers), 3))
    ages = 18 + rng.gamma(4.0, 6.5, len(customers))
    unknown = rng.random(len(customers)) < NO_BIRTH_DATE
    countries, channels = list(COUNTRIES), list(CHANNELS)
    for i in np.flatnonzero(customers.registered <= until).tolist():
        first, last, city = (pool[pick] for pool, pick in zip(pools[customers.country[i]], picks[i].tolist(), strict=True))
        registered = moment(customers.registered[i])
        birthday = date(registered.year - int(ages[i]) - 1, 1, 1) + timedelta(days=int(customers.birthday[i]))
        yield (
            customer_id(i),
            f"{first} {last}",
            f"{_plain(first)}.{_plain(last)}.{i + 1}@example.com",
            city,
            None if unknown[i] else birthday,
            countries[customers.country[i]],
            channels[customers.channel[i]],
            REAL_DEVICES[customers.device[i]],
            registered,
            registered,
        )


def _pool(seed: int, locale: str) -> tuple[list[str], list[str], list[str]]:
    """First names, last names and cities. Faker is slow: a pool for each locale, then combinations."""
    fake = Faker(locale)
    fake.seed_instance(seed)
    first, last = ([make() for _ in range(POOL)] for make in (fake.first_name, fake.last_name))
    return first, last, _cities(fake)


def _cities(fake: Faker) -> list[str]:
    """Some locales list their cities in the order of a set, another one in every process."""
    known = next((provider.cities for provider in fake.get_providers() if hasattr(provider, "cities")), ())
    return fake.random.choices(sorted(set(known)), k=POOL) if known else [fake.city() for _ in range(POOL)]


def _plain(name: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in ascii_only if letter.isalnum()) or "customer"

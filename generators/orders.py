"""What becomes of an order line: placed, then paid, shipped and delivered, or cancelled, or sent back."""

import numpy as np

from contracts.events import PURCHASE_STATUSES
from generators.clock import DAY, MINUTE
from generators.columns import Columns, concat, take
from generators.customers import of_segment

CODE = {name: code for code, name in enumerate(PURCHASE_STATUSES)}
CANCELLED_SHARE = 0.03


def states(rng: np.random.Generator, lines: Columns, pace: float = 1.0) -> Columns:
    """Every change of state of the lines, some of them far ahead. ``placed`` is the purchase's own time, ``time`` the change's;
    ``last`` marks the last change."""
    n = len(lines["time"])
    placed = lines["time"]
    fate = rng.random(n)
    cancelled = fate < CANCELLED_SHARE
    returned = ~cancelled & (fate < CANCELLED_SHARE + of_segment(lambda s: s.returns, lines["segment"]))
    paid = placed + _after(4 * MINUTE * np.exp(rng.standard_normal(n)), pace)
    given_up = paid + _after(rng.uniform(5 * MINUTE, 0.4 * DAY, n), pace)
    shipped = paid + _after(rng.uniform(0.5, 3.0, n) * DAY, pace)
    delivered = shipped + _after(rng.uniform(1.0, 5.0, n) * DAY, pace)
    back = delivered + _after(rng.uniform(3.0, 25.0, n) * DAY, pace)
    everyone, nobody = np.ones(n, dtype=bool), np.zeros(n, dtype=bool)
    changes = (  # status, when, whose, whose last
        ("placed", placed, everyone, nobody),
        ("paid", paid, everyone, nobody),
        ("cancelled", given_up, cancelled, cancelled),
        ("shipped", shipped, ~cancelled, nobody),
        ("delivered", delivered, ~cancelled, ~returned),
        ("returned", back, returned, returned),
    )
    return concat(
        [
            {
                **take(lines, rows),
                "time": time[rows],
                "placed": placed[rows],
                "status": np.full(rows.sum(), CODE[status]),
                "last": last[rows],
            }
            for status, time, rows, last in changes
        ]
    )


def _after(delay: np.ndarray, pace: float) -> np.ndarray:
    """Whole milliseconds, at least one."""
    return np.maximum(1, delay * pace).astype(np.int64)

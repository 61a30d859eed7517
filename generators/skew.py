"""Devices whose clock is wrong: their events come when they happen, dated minutes too early or too late.

The shop's own purchases have the server's time.
"""

import numpy as np

from generators.chance import uniform
from generators.clock import MINUTE
from generators.columns import Columns
from generators.customers import REAL_DEVICES
from generators.encode import Encoder
from generators.records import Records

SKEWED = "skewed"
# Of a customer's devices, each its own. Two sessions of a customer stay 30 minutes apart.
SHARE = 0.01
LARGEST = 4.5 * MINUTE
_WRONG, _OFFSET = 20, 21


def web_records(encoder: Encoder, events: Columns, seed: int, level: float) -> Records:
    """Encoded, with the time of the customer's device; ``level`` multiplies SHARE."""
    device = events["customer"] * len(REAL_DEVICES) + events["device"]
    wrong = uniform(seed, _WRONG, device) < SHARE * level
    offset = ((2 * uniform(seed, _OFFSET, device) - 1) * LARGEST).astype(np.int64)
    records = encoder.web({**events, "time": events["time"] + np.where(wrong, offset, 0)})
    for i in np.flatnonzero(wrong).tolist():
        records.kinds[i] = SKEWED
    return records

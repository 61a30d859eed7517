"""Answers to the shop's surveys: who is about to leave answers less often, and with a lower score."""

from collections.abc import Iterator
from datetime import datetime

import numpy as np

from generators.chance import uniform
from generators.clock import DAY, moment
from generators.customers import Customers, customer_id
from generators.world import engagement

# Every customer is asked so often, on a day of their own, while the shop has them in its books.
EVERY_DAYS = 90
# Share of the asked who answer at full engagement.
ANSWER_RATE = 0.35
# Score = LOWEST + SLOPE * engagement + SPREAD * a standard normal, rounded, within 0 to 10.
LOWEST, SLOPE, SPREAD = 2.5, 6.0, 1.5
_DAY, _ANSWERS, _RADIUS, _ANGLE = 10, 11, 12, 13

# A row of shop.surveys, in the order of its columns in the contract.
Row = tuple[str, str, datetime, int]


def survey_rows(people: Customers, until: int) -> Iterator[Row]:
    """Answers given up to then, milliseconds; the same survey has the same id and score whenever it is asked for."""
    who = np.arange(len(people))
    number = 0
    while True:
        asked = _asked(people, who, number)
        if not (asked <= until).any():
            return
        engaged = engagement(people, asked)
        answers = (uniform(people.seed, _ANSWERS, who, number) < ANSWER_RATE * engaged) & (asked <= until)
        scores = _scores(people.seed, who, number, engaged)
        for i in np.flatnonzero(answers).tolist():
            yield f"v{i + 1:07d}-{number}", customer_id(i), moment(asked[i]), int(scores[i])
        number += 1


def _asked(people: Customers, who: np.ndarray, number: int) -> np.ndarray:
    """When each customer is asked for this time: once in every EVERY_DAYS from registration on."""
    days = (number + uniform(people.seed, _DAY, who, number)) * EVERY_DAYS
    return people.registered + (days * DAY).astype(np.int64)


def _scores(seed: int, who: np.ndarray, number: int, engaged: np.ndarray) -> np.ndarray:
    # Box and Muller's normal variate.
    radius = np.sqrt(-2 * np.log(uniform(seed, _RADIUS, who, number)))
    normal = radius * np.cos(2 * np.pi * uniform(seed, _ANGLE, who, number))
    return np.clip(np.round(LOWEST + SLOPE * engaged + SPREAD * normal), 0, 10)

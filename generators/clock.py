"""Time in the simulated shop.

Real time is milliseconds since 1970 (UTC). *Operational* time, in days, runs fast in busy hours and slowly at night, at one
day a day on average over a week: what is Poisson in operational time is busy in the evening and on Sundays in real time.
"""

from calendar import monthrange
from datetime import UTC, datetime, timedelta

import numpy as np

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
MONDAY = 4 * DAY  # the first Monday after 1970-01-01

# Share of a day's visits by hour (UTC), and how busy each weekday is against the mean, from Monday.
HOURS = np.array(
    [1.2, 0.7, 0.4, 0.3, 0.4, 0.8, 1.8, 3.0, 4.1, 4.8, 5.1, 5.3, 5.5, 5.2, 4.9, 4.9, 5.2, 5.9, 7.0, 8.2, 8.6, 7.6, 5.4, 3.1]
)
WEEKDAYS = np.array([0.98, 0.95, 0.94, 0.96, 0.95, 1.04, 1.18])

_intensity = np.outer(WEEKDAYS, HOURS).ravel()
_OPERATIONAL = np.concatenate([[0.0], np.cumsum(_intensity / _intensity.sum() * 7)])
_FRACTIONS = np.array([f".{ms:03d}Z" for ms in range(SECOND)], dtype=object)
_REAL = np.arange(len(_OPERATIONAL)) * HOUR


def to_operational(ms: np.ndarray) -> np.ndarray:
    week, rest = np.divmod(np.asarray(ms, dtype=np.int64) - MONDAY, WEEK)
    return week * 7 + np.interp(rest, _REAL, _OPERATIONAL)


def to_real(days: np.ndarray) -> np.ndarray:
    week, rest = np.divmod(np.asarray(days, dtype=float), 7)
    return (week * WEEK + np.interp(rest, _OPERATIONAL, _REAL)).astype(np.int64) + MONDAY


def milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def moment(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(ms))


def iso(ms: np.ndarray) -> list[str]:
    """Event times as the contract writes them. Many share a second, whose text is made once."""
    seconds, place = np.unique(ms // SECOND, return_inverse=True)
    texts = np.array(np.datetime_as_string(seconds.astype("datetime64[s]")), dtype=object)[place].tolist()
    return [text + end for text, end in zip(texts, _FRACTIONS[ms % SECOND].tolist(), strict=True)]


def months_before(until: datetime, months: int) -> datetime:
    """The same day and time so many months earlier, or the last day of a shorter month."""
    year, month = divmod(until.year * 12 + until.month - 1 - months, 12)
    return until.replace(year=year, month=month + 1, day=min(until.day, monthrange(year, month + 1)[1]))

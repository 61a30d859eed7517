"""A part of the simulated window, in whole days (UTC): when an experiment or a shift is planted."""

from dataclasses import dataclass

from generators.clock import DAY


@dataclass(frozen=True)
class Span:
    """``begins`` and ``ends``: shares of the window; without an end it goes on for good."""

    begins: float
    ends: float | None = None

    def within(self, start: int, end: int) -> "Period":
        """In a window of [start, end), milliseconds; a day at least."""
        begins, ends = (
            None if share is None else round((start + share * (end - start)) / DAY) for share in (self.begins, self.ends)
        )
        return Period(begins * DAY, None if ends is None else max(ends, begins + 1) * DAY)


@dataclass(frozen=True)
class Period:
    """[begins, ends) in milliseconds; without an end it goes on."""

    begins: int
    ends: int | None

    def __contains__(self, now: int) -> bool:
        return self.begins <= now and (self.ends is None or now < self.ends)

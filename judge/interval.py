"""An estimate's interval, held against what was planted."""

CONFIDENCE = 0.95
# The verdict errs at most this often where every interval is right.
RISK = 0.001


class Interval:
    """What a dataclass with these fields can be asked."""

    planted: float
    low: float
    high: float

    @property
    def missed(self) -> bool:
        return not self.low <= self.planted <= self.high

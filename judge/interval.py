"""An estimate's interval, held against what was planted."""


class Interval:
    """What a dataclass with these fields can be asked."""

    planted: float
    low: float
    high: float

    @property
    def missed(self) -> bool:
        return not self.low <= self.planted <= self.high

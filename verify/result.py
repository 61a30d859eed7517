"""What a check found."""

from dataclasses import dataclass, field

SHOWN = 10


@dataclass
class Result:
    """One invariant: figures for the table, and the differences that make it red."""

    name: str
    title: str
    figures: dict[str, int | float | str] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    differing: int = 0

    @property
    def holds(self) -> bool:
        return self.differing == 0

    def differ(self, what: str, count: int = 1) -> None:
        """Count a difference; the first few are named."""
        self.differing += count
        if len(self.differences) < SHOWN:
            self.differences.append(what)

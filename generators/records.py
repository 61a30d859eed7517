"""Records on their way to Kafka, with what the ledger wants to know of them."""

from dataclasses import dataclass
from hashlib import blake2b, md5

from contracts.topics import Stream

GOOD = "good"


@dataclass(slots=True)
class Records:
    """Records of one stream, in the order of sending; lists of equal length. ``times``: event time in milliseconds.

    ``kinds``: the ledger's class of each; ``reasons``: of the dead letter, where one is expected.
    """

    stream: Stream
    keys: list[bytes | None]
    values: list[bytes | None]
    ids: list[str | None]
    times: list[int | None]
    kinds: list[str]
    reasons: list[str | None]

    def __len__(self) -> int:
        return len(self.values)

    def columns(self) -> tuple[list, ...]:
        return self.keys, self.values, self.ids, self.times, self.kinds, self.reasons

    def md5s(self) -> list[str | None]:
        """Of the values for which a dead letter is expected; a null value counts as empty."""
        return [
            md5(value or b"").hexdigest() if reason is not None else None
            for value, reason in zip(self.values, self.reasons, strict=True)
        ]


def good(stream: Stream, keys: list[bytes], values: list[bytes], ids: list[str], times: list[int]) -> Records:
    return Records(stream, keys, values, ids, times, [GOOD] * len(values), [None] * len(values))


def namespace(*parts: object) -> str:
    """Eight hexadecimal digits that keep the ids of one world apart from another's."""
    return blake2b("/".join(map(str, parts)).encode(), digest_size=4).hexdigest()

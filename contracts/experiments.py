"""Which variant of an experiment a customer sees: the same for the shop that shows it and the warehouse that counts it."""

import hashlib

BUCKETS = 10_000
# The variant that the others are compared with.
CONTROL = "control"


def bucket(experiment: str, customer_id: str) -> int:
    """0 to BUCKETS - 1: the first 32 bits of the MD5 of ``experiment:customer_id``, modulo BUCKETS."""
    digest = hashlib.md5(f"{experiment}:{customer_id}".encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:4], "big") % BUCKETS

"""The invariants of the running stack: what was sent, what arrived at each hop, and every difference by name."""

"""Faults on the running stack, under load: what comes back by itself, how soon, and whether anything was lost."""

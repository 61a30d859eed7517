"""Synthetic customers out of a real table: a vine copula fitted to it, new rows over REST, a report of how close they are.

An environment of its own: it imports contracts, and nothing imports it.
"""

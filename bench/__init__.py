"""Measures the running stack; every figure in the README comes from ``bench/results.json``, which this writes."""

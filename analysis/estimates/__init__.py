"""Estimates per structure, stratum or condition: one file each, `f(pairs) -> rows of the results table`."""

"""Comparison of runs: statistics, tables and page."""

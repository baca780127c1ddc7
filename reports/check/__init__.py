"""Regression check of a run against a baseline: rules, outcomes and their texts."""

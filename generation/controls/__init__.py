"""Planted defects: one file each, found by `generation.planting`."""

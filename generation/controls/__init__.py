"""Planted defects: one file each, found by `plausibrain.generation.planting`."""

"""Injected defects: one file each, found by `plausibrain.generation.injection`."""

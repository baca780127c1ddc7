"""Checks of plausibility: one file each, found by `plausibrain.evaluation.plausibility.judging`."""

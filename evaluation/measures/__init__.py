"""Measures of image quality: one file each, found by `plausibrain.evaluation.measuring.all_measures`."""

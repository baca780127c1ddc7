"""Measures of image quality: one file each, found by `evaluation.measuring.all_measures`."""

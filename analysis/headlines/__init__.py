"""Headlines: one file each, one number each; found by `plausibrain.analysis.registry.all_headlines`."""

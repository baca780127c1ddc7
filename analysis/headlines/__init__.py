"""Headlines: one file each, one number each; found by `analysis.registry.all_headlines`."""

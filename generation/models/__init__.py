"""Generative models, one file each; `plausibrain.generation.registry.models` finds them."""

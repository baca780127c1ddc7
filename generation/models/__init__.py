"""Generative models, one file each; `generation.registry.models` finds them."""

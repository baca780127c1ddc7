"""Conditions in, images out: models, training, the anatomy simulator and its injected defects."""

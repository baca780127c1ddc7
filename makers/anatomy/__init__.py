"""Estimation of the simulator's anatomy from label maps."""

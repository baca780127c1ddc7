"""Weights and calibrations shipped with the package."""

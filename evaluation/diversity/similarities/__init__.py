"""Similarities of two images; importing a module registers it."""

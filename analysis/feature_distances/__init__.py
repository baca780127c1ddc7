"""Distances between two clouds of feature vectors: one file each, found by the registry."""

"""Outputs of public generators, rebuilt and imported."""

"""Rendering label maps into training images."""

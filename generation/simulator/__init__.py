"""Subjects with a head: label maps and T1w images drawn from a population model of anatomy."""

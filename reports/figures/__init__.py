"""Figures of the report, one file each; they register themselves with `plausibrain.reports.figure.figure`."""

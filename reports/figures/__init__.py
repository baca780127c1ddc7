"""Figures of the report, one file each; they register themselves with `reports.figure.figure`."""

"""Makers of what ships: training of the segmenter, estimation of the anatomy, calibrations. Not packaged."""

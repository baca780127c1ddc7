"""Images in, tables out: segmenters, measures, feature extractors and distances."""

"""Results in, pages out: the report, the comparison and the regression check."""

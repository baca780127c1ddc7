"""Whether an image looks like a human brain: checks of one image with its labels, and their limits."""

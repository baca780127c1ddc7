"""Networks of the generative models that are our own."""
